/** What a container uses: CPU, memory and network of the last minutes, sampled while it is looked at. */
import { useEffect, useState } from 'preact/hooks';
import { followUse, sampleMs, type Limits, type Use } from '../live/stats.ts';
import { choose } from '../router.ts';
import { amount } from '../words.ts';

/** Samples that are shown: five minutes of them. */
const kept = 300_000 / sampleMs;

export function Stats({ id }: { id: string }) {
  const [uses, setUses] = useState<readonly Use[]>([]);
  const [limits, setLimits] = useState<Limits | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    setUses([]);
    return followUse(
      id,
      (use, told) => {
        setProblem(null);
        setLimits(told);
        setUses((before) => [...before, use].slice(-kept));
      },
      setProblem,
    );
  }, [id]);
  const memory = (bytes: number): string => `${amount(bytes)}B`;
  const traffic = (bytes: number): string => `${amount(bytes)}B/s`;
  return (
    <section class="card stats" aria-labelledby="stats-title">
      <div class="history-head">
        <h2 id="stats-title">Uses</h2>
        <span class="soft grow">
          {problem ?? `measured every ${sampleMs / 1_000} s while this is in sight`}
        </span>
        <button class="quiet" onClick={() => choose({ stats: null })}>
          Close
        </button>
      </div>
      <div class="plots">
        <Plot
          title="CPU"
          uses={uses}
          lines={[{ name: 'CPUs', of: ({ cpus }) => cpus }]}
          words={(cpus) => `${cpus.toFixed(cpus < 1 ? 3 : 2)} CPUs`}
          least={0.05}
          note={limits && limits.cpus > 0 ? `of the host’s ${limits.cpus}` : ''}
        />
        <Plot
          title="Memory"
          uses={uses}
          lines={[{ name: 'memory', of: ({ memoryBytes }) => memoryBytes }]}
          words={memory}
          least={1024 * 1024}
          note={limits && limits.memoryBytes > 0 ? `of ${memory(limits.memoryBytes)}` : ''}
        />
        <Plot
          title="Network"
          uses={uses}
          lines={[
            { name: 'received', of: ({ received }) => received },
            { name: 'sent', of: ({ sent }) => sent },
          ]}
          words={traffic}
          least={1024}
          note=""
        />
      </div>
    </section>
  );
}

interface Line {
  readonly name: string;
  readonly of: (use: Use) => number | null;
}

interface PlotProps {
  readonly title: string;
  readonly uses: readonly Use[];
  readonly lines: readonly Line[];
  readonly words: (value: number) => string;
  /** The scale never ends below: what does next to nothing draws no mountains. */
  readonly least: number;
  readonly note: string;
}

const [width, height] = [300, 80];

/** Lines over time in one picture, from the oldest sample on the left to now on the right. */
function Plot({ title, uses, lines, words, least, note }: PlotProps) {
  const values = lines.map(({ of }) => uses.map(of));
  const top = Math.max(least, ...values.flat().map((value) => value ?? 0)) * 1.1;
  const end = uses.at(-1)?.at ?? 0;
  const span = Math.max(60_000, end - (uses[0]?.at ?? 0));
  const x = (at: number): number => width - ((end - at) / span) * width;
  const y = (value: number): number => height - (value / top) * height;
  const said = lines
    .map(({ name, of }) => {
      const value = uses.at(-1) ? of(uses.at(-1)!) : null;
      const told = value === null ? '…' : words(value);
      return lines.length === 1 ? told : `${name} ${told}`;
    })
    .join(', ');
  return (
    <figure class="plot">
      <figcaption>
        <b>{title}</b> <span>{said}</span> <span class="soft">{note}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}: ${said}`}
      >
        {[0.25, 0.5, 0.75].map((share) => (
          <line key={share} class="grid" x1={0} x2={width} y1={height * share} y2={height * share} />
        ))}
        {values.map((each, index) => (
          <path key={index} class={`line-${index}`} d={wayOf(each, uses, x, y)} />
        ))}
      </svg>
      <span class="soft scale">
        <span>{words(top)} at the top</span>
        <span>{Math.round(span / 1_000)} s</span>
      </span>
    </figure>
  );
}

/** A line that is broken where nothing is known. */
function wayOf(
  values: readonly (number | null)[],
  uses: readonly Use[],
  x: (at: number) => number,
  y: (value: number) => number,
): string {
  let isDrawing = false;
  return values
    .map((value, index) => {
      if (value === null) {
        isDrawing = false;
        return '';
      }
      const step = `${isDrawing ? 'L' : 'M'}${x(uses[index]!.at).toFixed(1)} ${y(value).toFixed(1)}`;
      isDrawing = true;
      return step;
    })
    .join('');
}
