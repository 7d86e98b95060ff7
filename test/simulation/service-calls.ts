/** Calls of a service of the cloud: slow, refused while it is away, and done although their answer is lost. */
import { TroupeError } from '../../src/errors/errors.ts';
import type { Kernel, SimulatedProcess } from './kernel.ts';

/** Probabilities per call. */
export interface ServiceFaults {
  lostAnswer: number;
  unavailable: number;
  slow: number;
}

export type ServiceCall = <T>(kind: string, work: () => T) => Promise<T>;

/** How a service that is called so fails its callers. */
export const unavailable = (service: string, what: string): TroupeError =>
  new TroupeError('CLOUD_UNAVAILABLE', `${service} ${what}`);

/** @param service e.g. `Neutron` @returns by the process that calls */
export const serviceCalls =
  (kernel: Kernel, service: string, faults: ServiceFaults) =>
  (process: SimulatedProcess): ServiceCall =>
  (kind, work) =>
    process.guard(
      new Promise((resolve, reject) => {
        const slow = kernel.chance(faults.slow) ? kernel.between(500, 6_000) : 0;
        kernel.at(kernel.between(5, 60) + slow, () => {
          if (kernel.chance(faults.unavailable)) return reject(unavailable(service, 'answers with 503'));
          try {
            const result = work();
            kernel.trace(`${service.toLowerCase()} ${kind}`);
            if (kernel.chance(faults.lostAnswer))
              return reject(unavailable(service, 'has not answered in time'));
            kernel.at(kernel.between(1, 10), () => resolve(result));
          } catch (error) {
            reject(error as Error);
          }
        });
      }),
    );
