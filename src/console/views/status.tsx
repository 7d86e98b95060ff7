import { toneOf } from '../tone.ts';

export const Status = ({ status, taskState = null }: { status: string; taskState?: string | null }) => (
  <span class={`status ${toneOf(status)}`}>
    <i class="dot" />
    {status}
    {taskState !== null && (
      <span class="task"> · {taskState.replace(/^container_/, '').replaceAll('_', ' ')}</span>
    )}
  </span>
);

const figure = (value: number): string =>
  value >= 10_000 ? `${Math.round(value / 100) / 10} k` : String(Math.round(value * 100) / 100);

/** Of how much how much is taken; -1 = without limit. */
export function Meter({
  label,
  used,
  total,
  inWords = figure,
}: {
  label: string;
  used: number;
  total: number;
  inWords?: (value: number) => string;
}) {
  const share = total > 0 ? used / total : 0;
  const words = total < 0 ? `${inWords(used)}, no limit` : `${inWords(used)} of ${inWords(total)}`;
  return (
    <div class={`meter ${share > 0.95 ? 'bad' : share > 0.8 ? 'warn' : ''}`}>
      <span class="meter-label">{label}</span>
      <span class="meter-track" role="img" aria-label={`${label}: ${words}`}>
        <span style={{ width: `${Math.min(100, share * 100)}%` }} />
      </span>
      <span class="meter-words">{words}</span>
    </div>
  );
}
