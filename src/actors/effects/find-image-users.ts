/** Who would miss an image: containers and capsules that are on its host and made of it, or about to be. */
import type { ImageContext } from '../../machines/image/context.ts';
import { kindOf, type Address } from '../../model/address.ts';
import type { ContainerSpec } from '../../model/container.ts';
import type { Environment } from '../../model/environment.ts';
import { engineImage } from '../../model/image.ts';
import type { Runtime } from '../runtime.ts';
import type { Effect } from './effect.ts';

export const findImageUsersEffect =
  (
    environment: Environment,
    runtime: () => Runtime,
    spec: (address: Address) => ContainerSpec | null,
  ): Effect =>
  ({ context, done }) => {
    const { hostId, reference } = context as ImageContext;
    const users: string[] = [];
    for (const { address } of runtime().placedOn(hostId)) {
      const isUser = kindOf(address) === 'container' || kindOf(address) === 'capsule';
      const asked = isUser ? spec(address) : null;
      if (asked && (asked.images ?? [asked]).some((each) => engineImage(each) === reference))
        users.push(asked.name);
    }
    environment.defer(() => done({ users: users.sort() }));
    return () => {};
  };
