/** Asks a container at its own address whether it is well. Keeps nothing, and says nothing of what the answer means. */
export interface HealthProber {
  /** Resolves with the status of a GET; redirects are not followed, and no body is read. @throws Error in words */
  http(
    target: { readonly address: string; readonly port: number; readonly path: string },
    signal: AbortSignal,
  ): Promise<number>;
  /** Resolves once a connection is accepted. @throws Error in words */
  tcp(target: { readonly address: string; readonly port: number }, signal: AbortSignal): Promise<void>;
}
