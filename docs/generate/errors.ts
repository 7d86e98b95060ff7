/** `docs/errors.md` from the table of codes. */
import { errorTable, type ErrorCode } from '../../src/errors/errors.ts';
import { errorKinds } from '../../src/errors/kinds.ts';
import { errorMeanings } from './error-meanings.ts';
import { code, table } from './markdown.ts';

/** @throws RangeError naming the codes that nobody has explained */
export function errorsPage(): string {
  const codes = Object.keys(errorTable) as ErrorCode[];
  const unexplained = codes.filter((each) => !errorMeanings[each]);
  if (unexplained.length > 0)
    throw new RangeError(`docs/generate/error-meanings.ts says nothing of ${unexplained.join(', ')}`);
  const rows = codes.map((each) => {
    const { kind, retryable, zun } = errorTable[each];
    const { http, exitCode } = errorKinds[kind];
    const { meaning, fix } = errorMeanings[each]!;
    const again = retryable ? 'yes' : 'no';
    return [
      code(each),
      kind,
      String(http),
      code(zun && kind !== 'internal' ? `container.${zun}` : ''),
      String(exitCode),
      again,
      meaning,
      fix,
    ];
  });
  const kinds = Object.entries(errorKinds).map(([kind, { http, close, exitCode, level }]) => [
    kind,
    String(http),
    String(close),
    String(exitCode),
    level,
  ]);
  return `# Errors

Every code, made from \`src/errors/\` by \`npm run docs\`. A code is never used again for something else.

The API answers with Zun's envelope, \`{"errors": [{"code", "status", "title", "detail", "request_id", "links"}]}\`; \`code\` there is
Zun's, which clients know, and \`detail\` is the sentence. The command line writes the sentence and the request id on stderr and
exits with the code below; \`troupe run\` exits with the container's own, or 125 where it could not be run. An actor's last error,
in \`troupe why\` and the lifecycle view, carries our code. "Again" says whether the same may work later without a change.

${table(['code', 'kind', 'HTTP', "Zun's code", 'exit', 'again', 'meaning', 'what to do'], rows)}

## Kinds

${table(['kind', 'HTTP', 'WebSocket', 'exit', 'logged as'], kinds)}

Beside these: exit code 2 for a command line that is not understood, and 130 for one that was interrupted.
`;
}
