/** What this machine is, and whether its engine answers: looked at when that changes, told when it differs. */
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import { toFailure } from '../errors/errors.ts';
import type { AgentFact, UpRecord } from '../link/protocol.ts';
import type { Environment } from '../model/environment.ts';
import type { Fingerprint, HostNetworks, HostOverrides } from '../model/host.ts';
import { within } from './time-limit.ts';

export interface HostFingerprintOptions {
  readonly environment: Environment;
  readonly driver: RuntimeDriver;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly overrides?: HostOverrides;
  /** As it is known now. */
  readonly networks?: () => HostNetworks | null;
  readonly tell: (fact: AgentFact) => Promise<void>;
  /** What was told before this agent began and may be told again. */
  readonly told: readonly UpRecord[];
}

export interface HostFingerprint {
  /** Looks now. What differs from what was told before is told as a fact. */
  refresh(signal: AbortSignal): Promise<Fingerprint>;
  /** The control plane has been told this one otherwise. */
  noteTold(fingerprint: Fingerprint): void;
}

const lookMs = 5_000;

export function createHostFingerprint(options: HostFingerprintOptions): HostFingerprint {
  const { environment, driver, hostname, labels } = options;
  /** What no driver knows. */
  const configured = (): Pick<Fingerprint, 'networks' | 'overrides'> => {
    const networks = options.networks?.();
    return { ...(networks && { networks }), ...(options.overrides && { overrides: options.overrides }) };
  };
  let current: Fingerprint | null = null;
  /** Null while nobody was told anything. */
  let told: Fingerprint | null = null;
  for (const record of options.told) {
    if (record.kind === 'fact' && record.fact.type === 'host.fingerprinted') told = record.fact.fingerprint;
  }
  let looking: Promise<unknown> = Promise.resolve();

  const unknown = (): Fingerprint => ({
    hostname,
    engine: driver.name,
    engineVersion: '',
    engineApiVersion: '',
    cpus: 0,
    memoryMib: 0,
    diskGib: 0,
    architecture: '',
    os: '',
    kernelVersion: '',
    runtimes: [],
    labels,
    engineUp: false,
    engineProblem: null,
  });

  const look = async (signal: AbortSignal): Promise<Fingerprint> => {
    try {
      const found = await within(environment, lookMs, driver.fingerprint(signal));
      current = { ...found, labels: { ...found.labels, ...labels }, ...configured() };
    } catch (error) {
      current = {
        ...(current ?? unknown()),
        engineUp: false,
        engineProblem: toFailure(error).message,
        ...configured(),
      };
    }
    if (told && JSON.stringify(told) !== JSON.stringify(current)) {
      told = current;
      await options.tell({ type: 'host.fingerprinted', fingerprint: current });
    }
    return current;
  };

  return {
    refresh(signal) {
      // One after the other: an older look must not be told behind a newer one.
      const mine = looking.then(() => look(signal));
      looking = mine.catch(() => {});
      return mine;
    },
    noteTold(fingerprint) {
      told ??= fingerprint;
    },
  };
}
