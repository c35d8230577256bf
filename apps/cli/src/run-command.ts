import type { Command } from './arguments.ts';
import { listMap } from './commands/bpf.ts';
import { acceptEmpty } from './commands/cluster.ts';
import type { CommandContext } from './commands/command-context.ts';
import { listEndpoints } from './commands/endpoint.ts';
import { getIdentity, listIdentities, whoIs } from './commands/identity.ts';
import { monitorFlows } from './commands/monitor.ts';
import { applyPolicies, deletePolicies, listPolicies } from './commands/policy.ts';
import { verifyPolicies } from './commands/policy-verify.ts';
import { waitForPolicies } from './commands/policy-wait.ts';
import { listServices, showService } from './commands/service.ts';
import { showStatus } from './commands/status.ts';

/** Runs a parsed command and returns its exit code. */
export function runCommand(command: Command, context: CommandContext): Promise<number> {
  switch (command.action) {
    case 'status':
      return showStatus(command, context);
    case 'identity-list':
      return listIdentities(command, context);
    case 'identity-get':
      return getIdentity(command, context);
    case 'identity-whois':
      return whoIs(command, context);
    case 'endpoint-list':
      return listEndpoints(command, context);
    case 'policy-apply':
      return applyPolicies(command, context);
    case 'policy-delete':
      return deletePolicies(command, context);
    case 'policy-list':
      return listPolicies(command, context);
    case 'policy-wait':
      return waitForPolicies(command, context);
    case 'policy-verify':
      return verifyPolicies(command, context);
    case 'service-list':
      return listServices(command, context);
    case 'service-describe':
      return showService(command, context);
    case 'bpf-list':
      return listMap(command, context);
    case 'cluster-accept-empty':
      return acceptEmpty(command, context);
    case 'monitor':
      return monitorFlows(command, context);
  }
}
