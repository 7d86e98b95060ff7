/** Ports of a host that a container's port may be published at when none was named. */

/**
 * Below the ports that Linux takes for connections of its own (32768 to 60999), so that none of these is in the way.
 * @see Kubernetes: --service-node-port-range
 */
const range = { least: 30_000, most: 32_767 };
/** Each attempt reads the host's rules and sockets. */
const attempts = 256;

/**
 * In the order in which they are tried: the one it had, its own number, then some of a range, from a place that follows
 * from the port, so that containers don't all try the same ones.
 *
 * @param portId a UUID
 */
export function* hostPortsFor(
  portId: string,
  containerPort: number,
  had: number | undefined,
): Generator<number> {
  if (had !== undefined) yield had;
  if (had !== containerPort) yield containerPort;
  const width = range.most - range.least + 1;
  const first = (Number.parseInt(portId.slice(-8), 16) + containerPort) % width;
  for (let at = 0; at < attempts; at += 1) yield range.least + ((first + at) % width);
}
