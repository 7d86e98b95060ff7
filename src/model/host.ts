/** What a host agent says of its machine. */
export interface Fingerprint {
  readonly hostname: string;
  readonly engine: string;
  readonly engineVersion: string;
  readonly engineApiVersion: string;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly diskGib: number;
  readonly architecture: string;
  readonly os: string;
  readonly kernelVersion: string;
  readonly runtimes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** False while the engine does not answer; `engineProblem` says why in words. */
  readonly engineUp: boolean;
  readonly engineProblem: string | null;
}

/** One host as the scheduler sees it: a read model, never the truth (the host actor serialises claims). */
export interface HostView {
  readonly id: string;
  readonly hostname: string;
  readonly online: boolean;
  /** Not heard for the moment, and not given up either. */
  readonly expected: boolean;
  readonly open: boolean;
  readonly engineUp: boolean;
  readonly availabilityZone: string;
  readonly runtimes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: { readonly cpuMillis: number; readonly memoryMib: number; readonly diskGib: number };
  readonly used: {
    readonly containers: number;
    readonly cpuMillis: number;
    readonly memoryMib: number;
    readonly diskGib: number;
  };
  /** Containers there by tenant. */
  readonly tenants: Readonly<Record<string, number>>;
  /** Image references known to be on the host. */
  readonly images: ReadonlySet<string>;
}
