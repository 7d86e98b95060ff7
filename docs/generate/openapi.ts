/** `docs/openapi.json`: the document that `/v1/openapi.json` answers where people are Keystone's. */
import type { ControlPlane } from '../../src/actors/index.ts';
import { buildApp } from '../../src/api/app.ts';
import type { LoginDesk } from '../../src/api/extensions/login.ts';
import { createPolicy } from '../../src/api/policy/policy.ts';
import type { Environment } from '../../src/model/environment.ts';

/** Routes are registered and nothing is asked of them, so nothing is there to answer. */
const nobody = {} as never;

export async function openApiDocument(): Promise<string> {
  const app = await buildApp({
    controlPlane: { local: nobody } as unknown as ControlPlane,
    environment: { id: () => '' } as unknown as Environment,
    authenticator: nobody,
    tickets: nobody,
    sessions: nobody,
    defaults: { cpu: null, memoryMib: null },
    copies: { jsonBytesMost: 0, bytesMost: 0, entriesMost: 0, ratioMost: 0 },
    images: { catalogue: null, driver: 'docker' },
    policy: createPolicy(),
    login: { attemptsMost: 1 } as LoginDesk,
    onCloudCall: () => {},
    consoleDirectory: null,
    disableFile: '',
  });
  await app.ready();
  const document = JSON.stringify(app.swagger());
  await app.close();
  return document;
}
