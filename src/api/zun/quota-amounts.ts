/** What may be limited, as Zun names it, and limits as bodies give them. @see zun-api 2.12 */
import type { FastifyRequest } from 'fastify';
import { TroupeError } from '../../errors/errors.ts';
import type { Amounts } from '../../model/container.ts';
import { integerIn, invalidField } from './values.ts';

type Fields = Readonly<Record<string, unknown>>;

/** In Zun's order. CPU is counted in thousandths. */
export const amountOf = {
  containers: 'containers',
  memory: 'memoryMib',
  disk: 'diskGib',
  cpu: 'cpuMillis',
} as const satisfies Record<string, keyof Amounts>;

export type Resource = keyof typeof amountOf;

export const resources = Object.keys(amountOf) as readonly Resource[];

const millis = 1000;
/** Zun keeps limits in a signed column of 32 bits. */
const limitMost = 2_147_483_647;

/** One amount as Zun writes it: MiB, GiB, CPUs; -1 = without limit. */
export const shownAmount = (amounts: Amounts, resource: Resource): number => {
  const amount = amounts[amountOf[resource]];
  return resource === 'cpu' && amount >= 0 ? amount / millis : amount;
};

export const amountsView = (amounts: Amounts): Readonly<Record<Resource, number>> =>
  Object.fromEntries(resources.map((each) => [each, shownAmount(amounts, each)])) as Record<Resource, number>;

/**
 * A limit as it is kept.
 * @param field as the body names it
 * @param ofCpu whether CPUs may be given in parts
 * @throws TroupeError INVALID_INPUT with the field, its value and the rule
 */
export function limitIn(
  resource: Resource,
  value: unknown,
  field: string,
  ofCpu: 'whole' | 'in parts',
): number {
  const inParts = resource === 'cpu' && ofCpu === 'in parts';
  const number = inParts && typeof value === 'number' ? value : integerIn(value);
  if (number === null || !(number >= 0 || number === -1) || number > limitMost)
    throw invalidField(
      field,
      value,
      `It must be ${inParts ? 'a number' : 'an integer'} from 0 to ${limitMost}, or -1 for no limit`,
    );
  return resource === 'cpu' && number >= 0 ? Math.round(number * millis) : number;
}

/** Limits as Zun's bodies give them. @throws TroupeError INVALID_INPUT */
export function limitsIn(body: Fields): Partial<Amounts> {
  const unknown = Object.keys(body).find((key) => !(resources as readonly string[]).includes(key));
  if (unknown !== undefined)
    throw new TroupeError(
      'INVALID_INPUT',
      `Additional properties are not allowed ('${unknown.slice(0, 80)}' was unexpected). Known are: ${resources.join(', ')}`,
    );
  return Object.fromEntries(
    Object.entries(body).map(([key, value]) => [
      amountOf[key as Resource],
      limitIn(key as Resource, value, key, 'whole'),
    ]),
  );
}

/** Whether there can be such a project: the caller's own, or one as Keystone's ids are, so that an address can hold it. */
export const canBeProject = ({ identity }: FastifyRequest, id: string): boolean =>
  id === identity.projectId || /^[\w.-]{1,64}$/.test(id);

/**
 * A project as something is kept for it.
 * @throws TroupeError INVALID_VALUE
 */
export function projectOf(request: FastifyRequest, id: string): string {
  if (canBeProject(request, id)) return id;
  throw new TroupeError(
    'INVALID_VALUE',
    `"${id.slice(0, 80)}" is no project; its id has 1 to 64 letters, digits, dots, hyphens and underscores`,
  );
}
