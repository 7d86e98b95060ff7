/**
 * Errors are typed, carry a stable code, and are mapped to each API in one
 * place. A code is never reused. `kinds.ts` turns a kind into an HTTP status,
 * a CLI exit code and a log level.
 */
import type { Failure } from '../model/failure.ts';
import type { ErrorKind } from './kinds.ts';

interface Entry {
  readonly kind: ErrorKind;
  readonly retryable: boolean;
  /** zun-api 1.4: kebab case of Zun's exception class, where clients know one. */
  readonly zun: string;
}

/** The one table of error codes. */
export const errorTable = {
  INVALID_INPUT: { kind: 'invalid', retryable: false, zun: 'schema-validation-error' },
  INVALID_PARAMETER: { kind: 'invalid', retryable: false, zun: 'invalid-parameter-value' },
  INVALID_VALUE: { kind: 'invalid', retryable: false, zun: 'invalid-value' },
  INVALID_BASE64: { kind: 'invalid', retryable: false, zun: 'base64-exception' },
  TOO_LARGE: { kind: 'too-large', retryable: false, zun: 'request-too-large' },
  PARAMETER_TOO_NEW: { kind: 'invalid', retryable: false, zun: 'invalid-param-in-version' },
  UNAUTHENTICATED: { kind: 'unauthenticated', retryable: false, zun: 'unauthorized' },
  FORBIDDEN: { kind: 'forbidden', retryable: false, zun: 'policy-not-authorized' },
  QUOTA_EXCEEDED: { kind: 'quota', retryable: false, zun: 'over-quota' },
  CONTAINER_NOT_FOUND: { kind: 'not-found', retryable: false, zun: 'container-not-found' },
  CAPSULE_NOT_FOUND: { kind: 'not-found', retryable: false, zun: 'capsule-not-found' },
  INVALID_CAPSULE: { kind: 'invalid', retryable: false, zun: 'invalid-capsule-template' },
  SERVICE_NOT_FOUND: { kind: 'not-found', retryable: false, zun: 'zun-service-not-found' },
  HOST_NOT_FOUND: { kind: 'not-found', retryable: false, zun: 'compute-node-not-found' },
  REQUESTED_HOST_NOT_FOUND: { kind: 'not-found', retryable: false, zun: 'requested-host-not-found' },
  NOT_FOUND: { kind: 'not-found', retryable: false, zun: 'resource-not-found' },
  NOT_INTERACTIVE: { kind: 'invalid', retryable: false, zun: 'no-interactive-flag' },
  TOO_MANY_SESSIONS: { kind: 'conflict', retryable: true, zun: 'conflict' },
  TOO_MANY_COPIES: { kind: 'unavailable', retryable: true, zun: 'service-unavailable' },
  NAME_AMBIGUOUS: { kind: 'conflict', retryable: false, zun: 'conflict' },
  INVALID_STATE: { kind: 'conflict', retryable: false, zun: 'invalid-state-exception' },
  IDEMPOTENCY_CONFLICT: { kind: 'conflict', retryable: false, zun: 'conflict' },
  EXECUTE_TIMED_OUT: { kind: 'conflict', retryable: false, zun: 'conflict' },
  SUPERSEDED: { kind: 'conflict', retryable: false, zun: 'conflict' },
  NOT_ACCEPTABLE: { kind: 'not-acceptable', retryable: false, zun: '' },
  // ── the control plane ──
  STORE_UNAVAILABLE: { kind: 'unavailable', retryable: true, zun: 'service-unavailable' },
  STALE_OWNER: { kind: 'unavailable', retryable: true, zun: 'service-unavailable' },
  COMMIT_REFUSED: { kind: 'unavailable', retryable: true, zun: 'service-unavailable' },
  COMMIT_UNKNOWN: { kind: 'unavailable', retryable: true, zun: 'service-unavailable' },
  QUARANTINED: { kind: 'unavailable', retryable: false, zun: 'service-unavailable' },
  SHUTTING_DOWN: { kind: 'unavailable', retryable: true, zun: 'service-unavailable' },
  TIMED_OUT: { kind: 'timeout', retryable: true, zun: 'timeout' },
  // ── the cloud around it ──
  CLOUD_UNAVAILABLE: { kind: 'unavailable', retryable: true, zun: 'service-unavailable' },
  CLOUD_REFUSED: { kind: 'unavailable', retryable: true, zun: 'service-unavailable' },
  CLOUD_BUSY: { kind: 'conflict', retryable: true, zun: 'conflict' },
  CLOUD_CONFLICT: { kind: 'conflict', retryable: false, zun: 'conflict' },
  PORT_NOT_FOUND: { kind: 'not-found', retryable: false, zun: 'port-not-found' },
  PORT_IN_USE: { kind: 'invalid', retryable: false, zun: 'port-in-use' },
  PORT_NOT_USABLE: { kind: 'invalid', retryable: false, zun: 'port-not-usable' },
  PORT_UNBOUND: { kind: 'unavailable', retryable: false, zun: 'service-unavailable' },
  ADDRESSES_EXHAUSTED: { kind: 'conflict', retryable: false, zun: 'conflict' },
  SECURITY_GROUP_NOT_FOUND: { kind: 'not-found', retryable: false, zun: 'security-group-not-found' },
  EXTERNAL_NETWORK: { kind: 'forbidden', retryable: false, zun: 'external-network-attach-forbidden' },
  NO_NETWORK: { kind: 'conflict', retryable: false, zun: 'conflict' },
  LOGIN_REFUSED: { kind: 'unauthenticated', retryable: false, zun: 'unauthorized' },
  // ── hosts and engines ──
  HOST_UNREACHABLE: { kind: 'unavailable', retryable: true, zun: 'container-host-not-up' },
  LINK_REFUSED: { kind: 'forbidden', retryable: false, zun: 'not-authorized' },
  STALE_COMMAND: { kind: 'conflict', retryable: false, zun: 'conflict' },
  ENGINE_UNAVAILABLE: { kind: 'unavailable', retryable: true, zun: 'docker-error' },
  ENGINE_HUNG: { kind: 'timeout', retryable: false, zun: 'docker-error' },
  ENGINE_ERROR: { kind: 'internal', retryable: false, zun: 'docker-error' },
  IMAGE_NOT_FOUND: { kind: 'invalid', retryable: false, zun: 'image-not-found' },
  REGISTRY_DENIED: { kind: 'forbidden', retryable: false, zun: 'docker-error' },
  REGISTRY_UNAVAILABLE: { kind: 'unavailable', retryable: true, zun: 'docker-error' },
  INVALID_SPEC: { kind: 'invalid', retryable: false, zun: 'invalid' },
  START_FAILED: { kind: 'invalid', retryable: false, zun: 'docker-error' },
  CONTAINER_GONE: { kind: 'not-found', retryable: false, zun: 'container-not-found' },
  SANDBOX_GONE: { kind: 'conflict', retryable: false, zun: 'docker-error' },
  IMAGE_IN_USE: { kind: 'conflict', retryable: false, zun: 'conflict' },
  NAME_IN_USE: { kind: 'conflict', retryable: false, zun: 'conflict' },
  DISK_FULL: { kind: 'unavailable', retryable: false, zun: 'docker-error' },
  // ── networks and volumes of a host ──
  HOST_INCAPABLE: { kind: 'unavailable', retryable: false, zun: 'service-unavailable' },
  NETWORK_NOT_FOUND: { kind: 'not-found', retryable: false, zun: 'network-not-found' },
  NETWORK_IN_USE: { kind: 'conflict', retryable: false, zun: 'conflict' },
  NETWORK_ERROR: { kind: 'internal', retryable: false, zun: '' },
  SUBNET_IN_USE: { kind: 'conflict', retryable: false, zun: 'conflict' },
  HOST_PORT_IN_USE: { kind: 'conflict', retryable: false, zun: 'conflict' },
  VOLUME_NOT_FOUND: { kind: 'not-found', retryable: false, zun: 'volume-not-found' },
  VOLUME_IN_USE: { kind: 'conflict', retryable: false, zun: 'volume-in-use' },
  VOLUME_ATTACHED: { kind: 'invalid', retryable: false, zun: 'volume-in-use' },
  VOLUME_NOT_USABLE: { kind: 'invalid', retryable: false, zun: 'volume-not-usable' },
  VOLUME_ERROR: { kind: 'internal', retryable: false, zun: '' },
  // ── images and registries ──
  IMAGE_UNKNOWN: { kind: 'not-found', retryable: false, zun: 'image-not-found' },
  IMAGE_CORRUPT: { kind: 'invalid', retryable: false, zun: 'invalid' },
  IMAGE_EXISTS: { kind: 'conflict', retryable: false, zun: 'image-already-exists' },
  REGISTRY_NOT_FOUND: { kind: 'not-found', retryable: false, zun: 'registry-not-found' },
  NO_HOST: { kind: 'conflict', retryable: false, zun: 'no-valid-host' },
  INVALID_CONFIG: { kind: 'invalid', retryable: false, zun: 'invalid' },
  INTERNAL: { kind: 'internal', retryable: false, zun: '' },
} as const satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof errorTable;

export class TroupeError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  /** Facts for machines, e.g. `{allowed: ['container.start']}`; shown to the caller, never a secret. */
  readonly details: Readonly<Record<string, unknown>>;

  /**
   * @param message one sentence, sentence case, no final stop, values in double quotes, naming what was tried and what to do
   */
  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryable?: boolean; details?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? errorTable[code].retryable;
    this.details = options.details ?? {};
  }

  override get name(): string {
    return 'TroupeError';
  }

  get kind(): ErrorKind {
    return errorTable[this.code].kind;
  }
}

/** Any thrown thing as plain data for snapshots and the wire. Unknown errors become INTERNAL with their message. */
export function toFailure(error: unknown): Failure {
  if (error instanceof TroupeError)
    return { code: error.code, message: error.message, retryable: error.retryable };
  if (isFailure(error)) return error;
  return {
    code: 'INTERNAL',
    message: error instanceof Error ? error.message : String(error),
    retryable: false,
  };
}

/** The other way: a failure from the wire or a snapshot as an error to throw. */
export function fromFailure(failure: Failure): TroupeError {
  const code = failure.code in errorTable ? (failure.code as ErrorCode) : 'INTERNAL';
  return new TroupeError(code, failure.message, { retryable: failure.retryable });
}

function isFailure(value: unknown): value is Failure {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    'message' in value &&
    'retryable' in value
  );
}
