/**
 * Open vSwitch: the port at its bridge, as os-vif plugs it for Neutron's agent,
 * which knows it by `iface-id`. It says whose it is beside, since a port stays
 * at its bridge when its link goes with the namespace.
 *
 * @see openstack/os-vif:vif_plug_ovs/ovsdb/ovsdb_lib.py, create_ovs_vif_port, delete_ovs_vif_port
 */
import { access } from 'node:fs/promises';
import { TroupeError } from '../../errors/errors.ts';
import type { CommandResult, Host } from '../host.ts';
import type { PlugSpec, SwitchPlug } from './network-driver.ts';
import { linkOf } from './link-names.ts';
import type { Namespace } from './namespace.ts';
import { commandFailure } from './network-errors.ts';

/** A port at one of its bridges that was plugged by us, with or without a link. */
export interface SwitchPort {
  readonly linkName: string;
  readonly worldId: string;
}

export interface OpenVSwitch {
  /** The bridge is made where it is missing. @throws TroupeError NETWORK_ERROR, HOST_INCAPABLE */
  addPort(attempt: string, spec: PlugSpec, at: SwitchPlug, signal: AbortSignal): Promise<void>;
  /** What is gone already is removed. @throws TroupeError NETWORK_ERROR */
  removePort(attempt: string, link: string, signal: AbortSignal): Promise<void>;
  /** Of all worlds; none where this host has no Open vSwitch. */
  ports(signal: AbortSignal): Promise<readonly SwitchPort[]>;
  /** Whether this host has one. */
  isHere(): Promise<boolean>;
}

/** What a world's ports carry beside what os-vif says of them. */
const worldKey = 'troupe-world';
/** Of which pair it is: its bridge, and the index of the host's end. */
const pairKey = 'troupe-pair';

/** It waits for the switch to have done it; a switch that is stopped never does. */
const patience = '--timeout=10';

/** Of `ovs-vsctl --format=json`: a name and its `external_ids`. @see RFC 7047 §5.1 */
interface Rows {
  readonly data: readonly (readonly [string, readonly ['map', readonly (readonly [string, string])[]]])[];
}

/** @param database where its database listens, as `ovs-vsctl --db` takes it */
export function createOpenVSwitch(host: Host, database: string): OpenVSwitch {
  const run = (args: readonly string[], signal: AbortSignal): Promise<CommandResult> =>
    host.run('ovs-vsctl', [`--db=${database}`, patience, ...args], { signal });
  const ask = async (attempt: string, args: readonly string[], signal: AbortSignal): Promise<string> => {
    const result = await run(args, signal);
    if (result.status !== 0) throw failureOf(attempt, result);
    return result.output;
  };
  const isHere = async (): Promise<boolean> => {
    const [, socket] = /^unix:(.*)$/.exec(database) ?? [];
    return (
      socket === undefined ||
      (await access(socket).then(
        () => true,
        () => false,
      ))
    );
  };
  return {
    isHere,
    async addPort(attempt, spec, { bridge, isUserspace, instanceId }, signal) {
      const { worldId, portId, mac } = spec;
      const link = linkOf(spec);
      const pair = `${bridge}/${await host.readLinkFile(link, 'ifindex')}`;
      const ids = [
        `iface-id=${portId}`,
        'iface-status=active',
        `attached-mac="${mac}"`,
        `vm-uuid=${instanceId}`,
        `${worldKey}=${worldId}`,
        `${pairKey}=${pair}`,
      ];
      const add = [
        ['--may-exist', 'add-br', bridge],
        ['set', 'Bridge', bridge, `datapath_type=${isUserspace ? 'netdev' : 'system'}`],
        ['add-port', bridge, link],
        ['set', 'Interface', link, ...ids.map((each) => `external_ids:${each}`)],
      ].flatMap((command) => ['--', ...command]);
      const result = await run(add, signal);
      if (result.status === 0) return;
      if (!/already exists/.test(result.errors)) throw failureOf(attempt, result);
      const seen = ['--if-exists', 'get', 'Interface', link, `external_ids:${pairKey}`];
      if ((await ask(attempt, seen, signal)).trim() === `"${pair}"`) return;
      // A switch that is a program goes on with the link that was, and never looks for another of that name.
      await ask(attempt, ['--if-exists', 'del-port', link], signal);
      await ask(attempt, add, signal);
    },
    async removePort(attempt, link, signal) {
      await ask(attempt, ['--if-exists', 'del-port', link], signal);
    },
    async ports(signal) {
      if (!(await isHere())) return [];
      const attempt = 'The ports of Open vSwitch could not be read';
      const columns = ['--format=json', '--columns=name,external_ids'];
      const output = await ask(attempt, [...columns, 'list', 'Interface'], signal);
      return (JSON.parse(output) as Rows).data.flatMap(([linkName, [, ids]]) => {
        const worldId = new Map(ids).get(worldKey);
        return worldId === undefined ? [] : [{ linkName, worldId }];
      });
    },
  };
}

/**
 * Both ends of a pair give away only packets whose checksums are complete: a switch that is a program takes packets as
 * they are, and what it hands on with a half one is dropped.
 */
export async function completeChecksums(
  host: Host,
  attempt: string,
  spec: PlugSpec,
  namespace: Namespace,
  signal: AbortSignal,
): Promise<void> {
  const off = (link: string): readonly string[] => ['-K', link, 'tx', 'off'];
  const results = await Promise.all([
    namespace.run('ethtool', off(spec.interfaceName), { signal }),
    host.run('ethtool', off(linkOf(spec)), { signal }),
  ]);
  for (const result of results) if (result.status !== 0) throw commandFailure(attempt, 'ethtool', result);
}

function failureOf(attempt: string, result: CommandResult): TroupeError {
  const { errors } = result;
  if (!/database connection failed|Alarm clock/.test(errors))
    return commandFailure(attempt, 'ovs-vsctl', result);
  return new TroupeError(
    'NETWORK_ERROR',
    `${attempt}: Open vSwitch does not answer; look whether ovsdb-server and ovs-vswitchd run`,
    { retryable: true, details: { said: errors.trim() } },
  );
}
