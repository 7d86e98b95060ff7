/**
 * Every rule with its default: Zun's, but that a reader may change nothing and a
 * project's own images are its own, and ours. A site overrides them in its policy file.
 *
 * @see zun-api 5.7
 */

/** What a rule is when nobody overrides it, and what it permits. */
interface DefaultRule {
  readonly check: string;
  readonly description: string;
}

const rule = (check: string, description: string): DefaultRule => ({ check, description });
const reads = (description: string) => rule('rule:admin_or_owner', description);
const writes = (description: string) => rule('rule:admin_or_writer', description);
const admin = (description: string) => rule('rule:admin_api', description);
const anyone = (description: string) => rule('@', description);

export const defaultRules = {
  // ── that others are made of ──
  context_is_admin: rule(
    'role:admin',
    'Who is an admin: finds what belongs to any project, and is `is_admin:True`',
  ),
  context_is_reader: rule(
    'role:reader and not role:member and not role:admin',
    'Who may look and change nothing; Keystone’s member and admin have the role reader, too',
  ),
  admin_api: rule('rule:context_is_admin', 'What is for admins'),
  admin_or_owner: rule(
    'is_admin:True or project_id:%(project_id)s',
    'Looking at what belongs to the own project',
  ),
  admin_or_writer: rule(
    'is_admin:True or (rule:admin_or_owner and not rule:context_is_reader)',
    'Changing what belongs to the own project',
  ),
  deny_everybody: rule('!', 'What is for nobody'),

  // ── containers ──
  'container:create': writes('Create a container'),
  'container:create:runtime': admin('… with a runtime of one’s choice'),
  'container:create:requested_destination': admin('… on a host of one’s choice'),
  'container:create:image_pull_policy': admin('… with a pull policy of one’s choice'),
  'container:create:privileged': rule('rule:deny_everybody', '… that is privileged'),
  'container:delete': writes('Delete a container, be it after a stop'),
  'container:delete_all_projects': admin('… with `all_projects`'),
  'container:delete_force': admin('… whatever it does'),
  'container:get_one': reads('Show a container'),
  'container:get_one:host': admin('… its host; filter and sort by it'),
  'container:get_one:image_pull_policy': admin('… its pull policy'),
  'container:get_one:privileged': admin('… whether it is privileged'),
  'container:get_one:runtime': admin('… its runtime; sort by it'),
  'container:get_one_all_projects': admin('… with `all_projects`'),
  'container:get_all': reads('List containers'),
  'container:get_all_all_projects': admin('… of all projects'),
  'container:update': writes('Change its limits, its name and whether it is healed'),
  'container:resize_container': writes('Change its limits'),
  'container:rename': writes('Rename it'),
  'container:start': writes('Start it'),
  'container:stop': writes('Stop it'),
  'container:reboot': writes('Restart it'),
  'container:pause': writes('Pause it'),
  'container:unpause': writes('Unpause it'),
  'container:kill': writes('Send its process a signal'),
  'container:rebuild': writes('Make it anew'),
  'container:commit': writes('Make an image of it'),
  'container:attach': writes('Attach to its process'),
  'container:resize': writes('Resize its terminal'),
  'container:execute': writes('Run a command in it'),
  'container:execute_resize': writes('Resize a command’s terminal'),
  'container:execute_show': reads('Show what became of a command'),
  'container:logs': reads('Read its log'),
  'container:top': reads('List its processes'),
  'container:stats': reads('Show what it uses'),
  'container:get_archive': reads('Read files of it'),
  'container:put_archive': writes('Write files into it'),
  'container:add_security_group': writes('Give it a security group'),
  'container:remove_security_group': writes('Take a security group from it'),
  'container:network_attach': writes('Attach it to a network'),
  'container:network_detach': writes('Detach it from one'),
  'container:network_list': reads('List its networks'),
  'container:volume_attach': writes('Give it a volume while it lives'),
  'container:volume_detach': writes('Take that from it'),
  'container:volume_list': reads('List its volumes'),
  'container:actions': reads('List what was asked of it'),
  'container:action:events': admin('… with the traces of what failed'),

  // ── capsules, images, registries ──
  'capsule:create': writes('Create a capsule'),
  'capsule:delete': writes('Delete one'),
  'capsule:delete_all_projects': admin('… with `all_projects`'),
  'capsule:get': reads('Show one'),
  'capsule:get:host': admin('… its host'),
  'capsule:get_one_all_projects': admin('… with `all_projects`'),
  'capsule:get_all': reads('List capsules'),
  'capsule:get_all_all_projects': admin('… of all projects'),
  'image:pull': admin('Pull an image onto a host'),
  'image:get_one': reads(
    'Show an image of a host; others than admins find what their project made or pulled',
  ),
  'image:get_all': admin('List images of hosts'),
  'image:delete': writes('Delete one'),
  'image:search': reads('Search for an image'),
  'registry:create': writes('Name a registry'),
  'registry:get_one': reads('Show one'),
  'registry:get_all': reads('List registries'),
  'registry:get_all_all_projects': admin('… of all projects'),
  'registry:update': writes('Change one'),
  'registry:delete': writes('Delete one'),

  // ── the site ──
  'host:get': admin('Show a host; see which host something is on'),
  'host:get_all': admin('List hosts'),
  'host:cordon': admin('Let no new containers onto a host'),
  'host:uncordon': admin('Let them onto it again'),
  'host:drain': admin('Empty it'),
  'host:maintain': admin('Empty it and keep it so'),
  'host:give_up': admin('Take it for lost'),
  'host:remove': admin('Let go of it for good'),
  'host:label': admin('Change its labels'),
  'zun-service:get_all': admin('List services'),
  'zun-service:enable': admin('Enable one'),
  'zun-service:disable': admin('Disable one'),
  'zun-service:force_down': admin('Take one for down'),
  'zun-service:delete': admin('Delete one'),
  'availability_zones:get_all': reads('List zones'),
  'quota:get': reads('Show a project’s limits, and what it uses'),
  'quota:get_default': reads('Show what limits a project has that has none of its own'),
  'quota:update': admin('Change a project’s limits'),
  'quota:delete': admin('Take them back to the site’s'),
  'quota_class:get': admin('Show the site’s limits'),
  'quota_class:update': admin('Change them'),

  // ── networks and volumes ──
  'network:create': rule('role:admin', 'Take over a network of Neutron'),
  'network:delete': rule('role:admin', 'Let go of it'),
  'network:attach_external_network': rule('role:admin', 'Attach to a network that leads outside'),
  'network:create_local': writes('Create a network of a host'),
  'network:delete_local': writes('Delete one'),
  'network:get_one': reads('Show a network'),
  'network:get_one:host': admin('… its host'),
  'network:get_all': reads('List networks'),
  'network:get_all_all_projects': admin('… of all projects'),
  'volume:create': writes('Create a volume of a host'),
  'volume:delete': writes('Delete one'),
  'volume:get_one': reads('Show a volume'),
  'volume:get_one:host': admin('… its host'),
  'volume:get_all': reads('List volumes'),
  'volume:get_all_all_projects': admin('… of all projects'),
  'pool:flush': writes('Let go of what is made ahead'),
  'pool:flush_all_projects': admin('… for all projects'),

  // ── Troupe's own ──
  'tenant:get_one': reads('Show what a project may have, has, and bears beside it'),
  'tenant:get_all': reads('List projects: the own one'),
  'tenant:get_all_all_projects': admin('… and all others'),
  'tenant:isolate': writes('Choose whether a project bears neighbours'),
  'troupe:identity': anyone('Show who one is'),
  'troupe:statecharts': anyone('Show the statecharts'),
  'troupe:lifecycle': reads('Show where an actor is, and what would move it'),
  'troupe:history': reads('Show how it got there'),
  'troupe:incidents': reads('Show what led to what'),
  'troupe:events': writes('Send an actor an event; its own rule holds, too'),
  'troupe:what_if': reads('Try events out; their own rules hold, too'),
  'troupe:watch': reads('Watch changes'),
  'troupe:watch_all_projects': admin('… of all projects and of hosts'),
  'troupe:audit': admin('List what has no owner'),
  'troupe:quarantine': admin('List actors that were given up'),
  'troupe:join': admin('Let a host join'),
} as const satisfies Readonly<Record<string, DefaultRule>>;

export type RuleName = keyof typeof defaultRules;
