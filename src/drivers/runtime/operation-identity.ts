/** Who asks, for which incarnation of what; becomes the engine's labels `troupe.*`. */
export interface OwnerIdentity {
  readonly opId: string;
  readonly worldId: string;
  readonly tenant: string;
  readonly generation: number;
  readonly epoch: number;
}

export interface OperationIdentity extends OwnerIdentity {
  readonly containerId: string;
}
