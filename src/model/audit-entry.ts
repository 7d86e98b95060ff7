/** What has no owner, or is counted otherwise than it is. */
export interface AuditEntry {
  /**
   * `container-without-actor`, `actor-without-container`, the same of `sandbox`, `network`, `volume` and `port`; `quota-differs`, `claims-differ`,
   * `warm-differs`, `warm-over-budget`, `undelivered-message`, `attachment-without-actor`, `actor-without-attachment`, `volume-held`, `quarantined`,
   * `host-silent`, `cloud-silent`, `unfinished-image`, `left-image`, `images-silent`; and `of-another-world`, which is somebody else's and no leak of ours.
   */
  readonly problem: string;
  readonly address: string | null;
  readonly hostId: string | null;
  readonly detail: string;
}
