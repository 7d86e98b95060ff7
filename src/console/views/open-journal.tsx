import { useState } from 'preact/hooks';
import { openJournal } from '../live/journal-file.ts';
import { linkTo } from '../router.ts';

/** Opens a journal that was exported before; nothing of it leaves the browser. */
export function OpenJournal() {
  const [problem, setProblem] = useState<string | null>(null);
  const take = async (input: HTMLInputElement): Promise<void> => {
    const file = input.files?.[0];
    if (!file) return;
    try {
      openJournal(await file.text());
      location.hash = linkTo(['journal']);
    } catch (error) {
      setProblem((error as Error).message);
    }
    input.value = '';
  };
  return (
    <div class="open-journal">
      <label class="button">
        Open a journal file…
        <input
          type="file"
          accept="application/json,.json"
          class="unseen"
          onChange={(event) => void take(event.currentTarget)}
        />
      </label>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
