/** The charts' own restart policy, as the agent is handed it. */
import { countedRestarts, decideRestart, restartBackoffMs } from '../machines/restart-policy.ts';
import type { RestartPolicyName } from '../model/container.ts';
import type { DecideRestart } from '../model/restart.ts';

export const agentRestartPolicy: DecideRestart = (policy, exit, restarts) => {
  const counted = countedRestarts(exit, restarts);
  const decision = decideRestart(
    { name: policy.name as RestartPolicyName, maximumRetryCount: policy.maximumRetryCount },
    exit.exitCode,
    counted,
  );
  return { ...decision, restarts: counted + 1, backoffMs: restartBackoffMs(counted + 1) };
};
