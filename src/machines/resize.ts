/**
 * A resize in messages. Growing is claimed before the engine is asked,
 * shrinking is given back after it has obeyed; so at each moment what is
 * counted is at least what is used, whoever crashes. No amount is ever
 * negative, and nobody has to remember who asked.
 *
 * From `from` to `to` under generation g + 1, `more = grown(from, to)` and
 * `less = shrunk(from, to)`, in the outbox of the container's turns:
 *
 * Z1. The API asks the tenant `tenant.reserve {generation: g + 1, amounts: more}`
 *     (skipped when `more` is nothing). Refused: 403, and nothing has changed.
 * Z2. It sends the container its resize. Refused there, or never arrived: the
 *     tenant's deadline gives the reservation back. Taken: that very turn emits
 *     `tenant.confirm {generation: g + 1, amounts: more}` and, with something
 *     to grow on the host, `host.reclaim {generation: g + 1, amounts: more}`.
 * Z3. `reclaim.granted`: the container holds `from + more` and asks the engine.
 *     `reclaim.refused`, or `message.undeliverable` of the reclaim: it emits
 *     `tenant.release {generation: g + 1, amounts: more}`, keeps `from`, and says why.
 * Z4. The engine obeyed: it holds `to`, and gives back `less` with
 *     `tenant.release` and `host.release {amounts: less}` (skipped when nothing).
 *     The engine refused: it gives back `more` to both, and holds `from`.
 * Z5. Deleted meanwhile: the tenant gets back all that was confirmed, the host
 *     what was granted, be it that the grant arrives while the container is
 *     being removed. One that finds nobody comes back to the host, which then
 *     gives it up itself, as it does with `claim.granted`.
 */
import type { Amounts } from '../model/container.ts';

const difference = (one: Amounts, other: Amounts): Amounts => ({
  containers: 0,
  cpuMillis: Math.max(0, one.cpuMillis - other.cpuMillis),
  memoryMib: Math.max(0, one.memoryMib - other.memoryMib),
  diskGib: Math.max(0, one.diskGib - other.diskGib),
});

/** What the larger dimensions of `to` need beyond `from`. Of no container more. */
export const grown = (from: Amounts, to: Amounts): Amounts => difference(to, from);

/** What the smaller dimensions of `to` leave of `from`. Of no container less. */
export const shrunk = (from: Amounts, to: Amounts): Amounts => difference(from, to);
