/** A session with a process of a container, where the container is now. */
import type { HostLinks } from '../link/host-links.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { OpenSession, SessionWish } from '../model/session.ts';

/** For the host to prepare a further process. */
const prepareMs = 10_000;

/** @throws TroupeError HOST_UNREACHABLE, TIMED_OUT, or what its engine answered */
export async function openSession(
  links: HostLinks,
  { id: containerId, tenant, generation, hostId }: ContainerContext,
  wish: SessionWish,
  signal: AbortSignal,
): Promise<OpenSession> {
  const host = hostId ?? '';
  let execId: string | null = null;
  if (wish.kind === 'execute') {
    const { command, tty, interactive } = wish;
    const service = { kind: 'prepareSession', command, tty, interactive } as const;
    const prepared = await links.serve(host, { containerId, tenant, generation, service }, prepareMs);
    ({ execId } = prepared as { readonly execId: string });
  }
  const stream = await links.openStream(
    host,
    containerId,
    { kind: 'session', tenant, generation, execId },
    signal,
  );
  return { execId, stream };
}
