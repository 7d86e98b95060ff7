/**
 * `healthcheck` of a create's body, and as it is shown. Zun's is `{cmd,
 * interval, retries, timeout}`; ours adds `type`, and what http and tcp checks need.
 * @see zun-api 3.1
 */
import { type HealthCheck, type HealthProbe, type StatusRange, usualStatuses } from '../../model/health.ts';
import { object, type Body, type Bounds } from './body-fields.ts';
import { integerIn, invalidField } from './values.ts';

type ProbeType = HealthProbe['type'];

/** What each type takes beside the timing. */
const ownKeys: Readonly<Record<ProbeType, readonly string[]>> = {
  exec: ['cmd'],
  http: ['port', 'path', 'expected_statuses'],
  tcp: ['port'],
};
const timingKeys = ['interval', 'retries', 'timeout', 'start_period', 'success_threshold'];
const keys = ['cmd', ...timingKeys, 'type', 'port', 'path', 'expected_statuses'];

const portBounds = { least: 1, most: 65_535 };
const statusBounds = { least: 100, most: 599 };
/** A day. */
const secondsBounds = { least: 0, most: 86_400 };
const countBounds = { least: 0, most: 1_000 };
const pathMost = 2_048;
const rangesMost = 32;

/** @throws TroupeError INVALID_INPUT */
export function parseHealthCheck(body: Body): HealthCheck | null {
  const value = object(body, 'healthcheck', keys);
  if (!value) return null;
  const type = value['type'] ?? 'exec';
  if (type !== 'exec' && type !== 'http' && type !== 'tcp')
    throw invalidField('healthcheck.type', type, 'It must be exec, http or tcp');
  const known = [...ownKeys[type], ...timingKeys, 'type'];
  for (const [key, given] of Object.entries(value))
    if (given !== null && !known.includes(key))
      throw invalidField(
        `healthcheck.${key}`,
        given,
        `A check of type ${type} has ${known.slice(0, -1).join(', ')} only`,
      );
  return {
    probe: probeOf(type, value),
    intervalSeconds: count(value, 'interval', secondsBounds) ?? 0,
    timeoutSeconds: count(value, 'timeout', secondsBounds) ?? 0,
    retries: count(value, 'retries', countBounds) ?? 0,
    startPeriodSeconds: count(value, 'start_period', secondsBounds) ?? 0,
    successThreshold: count(value, 'success_threshold', { ...countBounds, least: 1 }) ?? 1,
  };
}

function probeOf(type: ProbeType, value: Body): HealthProbe {
  if (type === 'exec') return { type, test: command(value['cmd']) };
  const port = count(value, 'port', portBounds);
  if (port === null)
    throw invalidField('healthcheck.port', null, `A check of type ${type} needs the port to ask`);
  return type === 'tcp'
    ? { type, port }
    : { type, port, path: path(value['path']), statuses: statuses(value['expected_statuses']) };
}

function command(given: unknown): string {
  if (typeof given !== 'string' || given === '' || given.includes('\0'))
    throw invalidField('healthcheck.cmd', given, 'It must be a command');
  return given;
}

function count(value: Body, key: string, { least, most }: Bounds): number | null {
  const given = value[key];
  if (given === undefined || given === null) return null;
  const parsed = integerIn(given);
  if (parsed === null || parsed < least || parsed > most)
    throw invalidField(
      `healthcheck.${key}`,
      given,
      `It must be an integer of at least ${least} and at most ${most}`,
    );
  return parsed;
}

/** What may follow the address in a request: visible ASCII, for what else there is can be escaped. */
function path(given: unknown): string {
  if (given === undefined || given === null) return '/';
  if (typeof given !== 'string' || !/^\/[\x21-\x7e]*$/.test(given) || given.length > pathMost)
    throw invalidField(
      'healthcheck.path',
      given,
      `It must begin with "/" and have at most ${pathMost} characters, none of them a blank`,
    );
  return given;
}

function statuses(given: unknown): readonly StatusRange[] {
  if (given === undefined || given === null) return usualStatuses;
  const wrong = (value: unknown) =>
    invalidField(
      'healthcheck.expected_statuses',
      value,
      `It must be a list of 1 to ${rangesMost} statuses (${statusBounds.least} to ${statusBounds.most}), or ranges such as "200-299"`,
    );
  if (!Array.isArray(given) || given.length === 0 || given.length > rangesMost) throw wrong(given);
  return given.map((each: unknown) => {
    const [first, last = first, ...more] = String(each).split('-').map(integerIn);
    const isRange = typeof each === 'number' || typeof each === 'string';
    if (!isRange || more.length > 0 || !isStatus(first) || !isStatus(last) || first > last) throw wrong(each);
    return { least: first, most: last };
  });
}

const isStatus = (value: number | null | undefined): value is number =>
  typeof value === 'number' && value >= statusBounds.least && value <= statusBounds.most;

/** Zun renames `cmd` to `test` when it is shown. */
export function healthCheckView(check: HealthCheck | null): Readonly<Record<string, unknown>> | null {
  if (!check) return null;
  const { probe, intervalSeconds, timeoutSeconds, retries, startPeriodSeconds, successThreshold } = check;
  return {
    test: probe.type === 'exec' ? probe.test : null,
    interval: intervalSeconds,
    retries,
    timeout: timeoutSeconds,
    type: probe.type,
    ...(probe.type === 'exec' ? {} : { port: probe.port }),
    ...(probe.type === 'http' ? { path: probe.path, expected_statuses: probe.statuses.map(range) } : {}),
    start_period: startPeriodSeconds,
    success_threshold: successThreshold,
  };
}

const range = ({ least, most }: StatusRange): string => (least === most ? `${least}` : `${least}-${most}`);
