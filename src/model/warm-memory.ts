/** What sandboxes that are kept ahead take of a host's memory. */

/**
 * MiB of one, plugged into a network; rounded up from `npm run bench -- --only 7` (40 at once, containerd 1.6, Podman 4.3,
 * Linux 6, x86-64). On Docker a shim and the process that holds the namespace: an RSS of 12.9 MiB, most of it one file's
 * pages that all shims share, 2.5 MiB its own (PSS), and 0.6 to 1.3 MiB of the kernel's. On Podman a namespace has no
 * process: up to 0.3 MiB, the kernel's.
 */
const mibOf: Readonly<Record<string, number>> = { docker: 4, podman: 1 };

/** @param engine as its host names it; an unknown one counts as the dearest */
export const warmSandboxMib = (engine: string | null): number => mibOf[engine ?? ''] ?? 4;

/** How much of its memory a host may keep in sandboxes made ahead, and keeps now. */
export interface WarmMemory {
  readonly budgetMib: number;
  readonly usedMib: number;
}
