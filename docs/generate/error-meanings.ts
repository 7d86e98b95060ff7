/** What each code means and what to do about it, for `docs/errors.md`. A code without an entry fails the test of the docs. */
import type { ErrorCode } from '../../src/errors/errors.ts';

export interface Meaning {
  readonly meaning: string;
  readonly fix: string;
}

const say = (meaning: string, fix: string): Meaning => ({ meaning, fix });

export const errorMeanings: Readonly<Partial<Record<ErrorCode, Meaning>>> = {
  INVALID_INPUT: say('A field of the request is not what its rule says.', 'Correct the field that is named.'),
  INVALID_PARAMETER: say('The position is none of this stream.', 'Watch again without a position.'),
  INVALID_VALUE: say(
    'A parameter is unknown, or has a value that is not possible.',
    'Correct what is named.',
  ),
  INVALID_BASE64: say('The files of the request are not in Base64.', 'Send them in Base64, or as a tar.'),
  TOO_LARGE: say(
    'The files are more, or larger, than are copied at once.',
    'Copy them in parts, with `troupe cp`, or have the limit raised (`archive.*`).',
  ),
  TOO_MANY_COPIES: say(
    'Others of the project, or of the site, copy files as JSON now, which are held in memory.',
    'Try again, or copy with `troupe cp`, which holds nothing.',
  ),
  PARAMETER_TOO_NEW: say(
    'The parameter belongs to a later microversion than the request asks for.',
    'Ask for that microversion, or leave the parameter out.',
  ),
  UNAUTHENTICATED: say('There is no token, or it is not known.', 'Send a token: `eval "$(troupe env)"`.'),
  FORBIDDEN: say(
    'The policy lets others do that.',
    'Ask somebody whom the rule that is named lets; [policy](policy.md) says who, and how a site changes it.',
  ),
  QUOTA_EXCEEDED: say(
    'The project has no room for it in what is named: containers, cpu, memory or disk.',
    'Delete what is not needed, or have the limit raised: `troupe tenant set`.',
  ),
  CONTAINER_NOT_FOUND: say(
    'There is no such container in this project.',
    '`troupe list` shows what there is.',
  ),
  CAPSULE_NOT_FOUND: say(
    'There is no such capsule in this project.',
    '`troupe capsule ls` shows what there is.',
  ),
  INVALID_CAPSULE: say(
    'The parts of a capsule’s template do not fit together, or one is not there.',
    'Correct what is named.',
  ),
  SERVICE_NOT_FOUND: say(
    'There is no such service: each host has one, called zun-compute.',
    '`openstack appcontainer service list` shows what there is.',
  ),
  HOST_NOT_FOUND: say('There is no such host.', '`troupe hosts` shows what there is.'),
  REQUESTED_HOST_NOT_FOUND: say('The host that was asked for is not there.', 'Ask for another, or for none.'),
  NOT_FOUND: say('There is no such thing.', 'Correct the name or id.'),
  NOT_INTERACTIVE: say(
    'The container was created without `interactive`, or without a terminal (`tty`), so there is nothing to attach to or resize.',
    'Create it with them; `troupe exec -it` and `troupe logs -f` need neither.',
  ),
  TOO_MANY_SESSIONS: say(
    'The container has as many sessions as it may (`api.sessionsMost`), those counted that nobody has connected to yet.',
    'End one, or wait half a minute for those that nobody came for.',
  ),
  NAME_AMBIGUOUS: say('Several containers have this name.', 'Use the id.'),
  INVALID_STATE: say(
    'It is not possible in the state the container or host is in; the answer lists what is.',
    '`troupe why NAME` says what would move it.',
  ),
  IDEMPOTENCY_CONFLICT: say('The key was used for another request.', 'Use a new key for a new request.'),
  EXECUTE_TIMED_OUT: say(
    'A command in a container took longer than the API waits.',
    'Let it go on in the background of the container, and look at what it wrote.',
  ),
  SUPERSEDED: say('A later order has taken its place.', 'Nothing. This release gives it to nobody.'),
  NOT_ACCEPTABLE: say('The microversion is not served.', 'Ask for one from 1.1 to 1.40.'),
  STORE_UNAVAILABLE: say(
    'The store does not answer, or takes no writes.',
    'See `/readyz` and `troupe doctor`; start the store, or give it room.',
  ),
  STALE_OWNER: say(
    'A newer control plane has taken over; this one has stopped deciding.',
    'Ask the newer one; stop this one.',
  ),
  COMMIT_REFUSED: say('The store has refused the turn; nothing of it has happened.', 'Try again.'),
  COMMIT_UNKNOWN: say(
    'The store has not answered yet: the request may have been taken or not.',
    'Look at it again; a create with the same idempotency key makes nothing twice.',
  ),
  QUARANTINED: say(
    'The actor was given up, since it could not be read or its chart failed on an event three times.',
    'See [quarantined actors](operations.md#quarantined-actors).',
  ),
  SHUTTING_DOWN: say('The control plane is stopping.', 'Try again once it is back.'),
  TIMED_OUT: say('No answer came in time.', 'Try again; `troupe why NAME` says who does not answer.'),
  CLOUD_UNAVAILABLE: say(
    'A service of the cloud, such as Keystone, does not answer, or not as it should.',
    'Start it, or correct its address; `troupe doctor` says which. Tokens that were seen before go on to count.',
  ),
  CLOUD_REFUSED: say(
    'The cloud does not take Troupe’s own credentials, or has no such service.',
    'See `troupe doctor`; `troupe keystone bootstrap` makes what is missing.',
  ),
  CLOUD_BUSY: say(
    'Glance has yet to end an upload of this image that broke off.',
    'Nothing: it is looked at again, and commits go on or fail by themselves.',
  ),
  CLOUD_CONFLICT: say(
    'A service of the cloud has the thing in another state than the request needs.',
    'Read what it says; try again once that has changed.',
  ),
  LOGIN_REFUSED: say(
    'Keystone does not take the name and password, or the user has no role in the project.',
    'Correct them; an admin of the cloud gives roles.',
  ),
  HOST_UNREACHABLE: say(
    'The host, or for an agent the control plane, is not connected now.',
    'Start the agent there; see `troupe hosts`.',
  ),
  LINK_REFUSED: say(
    'The control plane does not let this agent in: token or credential are not right, or it is of another world.',
    'Join it again with a new `troupe join-token`, or `troupe agent --adopt WORLD`.',
  ),
  STALE_COMMAND: say(
    'The order is older than what the host has obeyed already.',
    'Nothing: the newer one counts.',
  ),
  ENGINE_UNAVAILABLE: say(
    'The container engine of the host does not answer.',
    'Start it; it is tried again by itself.',
  ),
  ENGINE_HUNG: say(
    'The container engine of the host took the order and did not finish it in time.',
    'Look at the engine there; restarting it harms no container where it is set to live-restore.',
  ),
  ENGINE_ERROR: say('The container engine answered with an error of its own.', 'Read what it says.'),
  IMAGE_NOT_FOUND: say(
    'The image is not on the host, and in no registry that was asked.',
    'Correct its name.',
  ),
  REGISTRY_DENIED: say(
    'The registry wants a login, or does not take the one it was shown.',
    'Make a registry with the right username and password (`troupe registry create`), and name it in the create.',
  ),
  REGISTRY_UNAVAILABLE: say(
    'The registry does not answer.',
    'It is tried again by itself; see the network of the host.',
  ),
  INVALID_SPEC: say('The engine will not make such a container.', 'Correct what it names.'),
  START_FAILED: say(
    'The container was made and its process could not be started.',
    'Correct the command that is named.',
  ),
  CONTAINER_GONE: say('The host has no such container (any more).', 'Nothing: its restart policy decides.'),
  SANDBOX_GONE: say(
    'The network namespace that the container was to join is gone.',
    'Nothing: it is made again.',
  ),
  IMAGE_IN_USE: say('A container or another image is made of this image.', 'Remove that first.'),
  NAME_IN_USE: say(
    'Another container has its name on the engine, and is not ours.',
    'Remove or rename that one.',
  ),
  DISK_FULL: say('The disk of the host is full.', 'Make room there.'),
  HOST_INCAPABLE: say(
    'The host lacks what networks and volumes of its own need.',
    'Install there what is named, and run its agent as root.',
  ),
  PORT_NOT_FOUND: say('Neutron has no such port in this project.', 'Correct the name or id.'),
  PORT_IN_USE: say(
    'The port of Neutron belongs to something else.',
    'Ask for another, or detach it from what has it.',
  ),
  PORT_NOT_USABLE: say(
    'The port of Neutron is in a state in which it can’t be given to a container.',
    'Ask for one that is DOWN.',
  ),
  PORT_UNBOUND: say(
    'Neutron can’t bind the port at the host of the container.',
    'Look whether Neutron’s agent lives there (`openstack network agent list`), and whether `network.neutronHost` names it.',
  ),
  ADDRESSES_EXHAUSTED: say(
    'The network of Neutron has no address left.',
    'Delete ports on it, or give it one more subnet.',
  ),
  SECURITY_GROUP_NOT_FOUND: say(
    'Neutron has no such security group in this project.',
    'Correct the name or id.',
  ),
  EXTERNAL_NETWORK: say(
    'The network leads outside, and the policy lets others attach containers to it.',
    'Ask for a network of the project, or for a rule that lets you.',
  ),
  NO_NETWORK: say(
    'The project has no network in Neutron, and none is shared with it.',
    'Make one: `openstack network create`, with a subnet.',
  ),
  NETWORK_NOT_FOUND: say('There is no such network on this host.', 'Correct the name or id.'),
  NETWORK_IN_USE: say('Something is attached to the network.', 'Detach or delete that first.'),
  NETWORK_ERROR: say('The host could not change its networks.', 'Read what it says.'),
  SUBNET_IN_USE: say(
    'The subnet overlaps one of this host, or none is left.',
    'Choose another, or configure a larger pool.',
  ),
  HOST_PORT_IN_USE: say('The port of the host is taken.', 'Choose another.'),
  VOLUME_NOT_FOUND: say('There is no such volume on this host, or in Cinder.', 'Correct the name or id.'),
  VOLUME_IN_USE: say('A container has the volume.', 'Detach it, or delete that container.'),
  VOLUME_ERROR: say('The host, or Cinder, could not change its volumes.', 'Read what it says.'),
  VOLUME_ATTACHED: say(
    'Something has the volume of Cinder, and it is not for several at once.',
    'Detach it, or delete that container.',
  ),
  VOLUME_NOT_USABLE: say(
    'The volume of Cinder is in a state in which nobody can attach it.',
    '`openstack volume show` says which; wait, or ask for another.',
  ),
  IMAGE_UNKNOWN: say('There is no such image on a host.', '`troupe image ls` shows what there is.'),
  IMAGE_CORRUPT: say(
    'The bytes of an image are not those that its hash was made of, or are no image of a container.',
    'Nothing runs of it. Upload it anew, as `docker save` writes it.',
  ),
  IMAGE_EXISTS: say('The host has the image already.', 'Delete it there first, to pull it anew.'),
  REGISTRY_NOT_FOUND: say(
    'There is no such registry in this project.',
    '`troupe registry ls` shows what there is.',
  ),
  NO_HOST: say(
    'No host takes it.',
    'Read the refusals: each says what would make it fit. This release tells it as the reason of a container.',
  ),
  INVALID_CONFIG: say(
    'The configuration, or something that it names on this machine, is not right.',
    'Correct the setting that is named; `troupe config` shows where its value comes from.',
  ),
  INTERNAL: say('A fault of Troupe.', 'Report it with the request id; the log holds the rest.'),
};
