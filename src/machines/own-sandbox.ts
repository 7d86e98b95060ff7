/** Who has a sandbox of its own, be it a container or a capsule: the wait for it, and what there is without one. */

export const noSandbox = { sandboxId: null, sandboxSound: false, sandboxEngineId: null, ports: [] } as const;

/**
 * One is asked for, and again from the state `waiting` where that may help.
 * @param granted the transition once it is there
 * @param failed where it goes without one
 */
export const askingForSandbox = <const G extends { readonly target: string }, F extends string>(
  description: string,
  granted: G,
  failed: F,
) => {
  const refused = [
    {
      type: 'sayRefused',
      params: ({ event }: { readonly event: { readonly reason: string } }) => ({ reason: event.reason }),
    },
    'forgetSandbox',
  ] as const;
  return {
    description,
    tags: 'transient',
    meta: { acquires: 'sandbox' },
    entry: 'openSandbox',
    on: {
      'sandbox.granted': { guard: 'isFromItsSandbox', ...granted },
      'sandbox.refused': [
        { guard: 'isRetryableRefusal', target: 'waiting', actions: refused },
        { guard: 'isFromItsSandbox', target: failed, actions: refused },
      ],
      'message.undeliverable': { guard: 'isSandboxBounced', target: 'waiting', actions: 'forgetSandbox' },
    },
  } as const;
};
