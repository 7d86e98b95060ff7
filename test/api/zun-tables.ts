/** Zun's own tables, as its clients know them. @see zun-api 1.3, 1.4, 3.4 */

export const statuses = [
  'Creating', 'Created', 'Running', 'Paused', 'Stopped', 'Restarting', 'Rebuilding', 'Error', 'Unknown', 'Dead', 'Deleted', 'Deleting',
] as const; // prettier-ignore

export type Status = (typeof statuses)[number];

export interface Action {
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the container. */
  readonly path: string;
  readonly body?: object;
  /** By the admin, or at another microversion than the last. */
  readonly admin?: true;
  readonly version?: number;
  /** Changes nothing in the container. */
  readonly looks?: true;
  /** One sign a status, in their order: `●` allowed, `.` refused. */
  readonly zun: string;
  /** Why Troupe takes it where Zun does not. */
  readonly more?: string;
  /** Why Troupe refuses it where Zun does not. */
  readonly less?: { readonly status: Status; readonly why: string };
}

const whenRunning = '..●.........';
const always = '●●●●●●●●●●●●';
const deletes = 'A delete is taken in every state; what is under way is broken off';

/** Zun's matrix. Where a route is not there yet, the row waits for it. */
export const actions: readonly Action[] = [
  { name: 'start', method: 'POST', path: '/start', zun: '.●..●..●....', more: 'It is queued, and done once it can be' },
  { name: 'stop', method: 'POST', path: '/stop', zun: whenRunning, more: 'It is queued, or breaks off what is under way' },
  { name: 'reboot', method: 'POST', path: '/reboot', zun: '.●●.●..●....', more: 'It is queued behind the one that is under way' },
  { name: 'rebuild', method: 'POST', path: '/rebuild', zun: '.●●.●..●....' },
  { name: 'pause', method: 'POST', path: '/pause', zun: whenRunning },
  { name: 'unpause', method: 'POST', path: '/unpause', zun: '...●........' },
  { name: 'kill', method: 'POST', path: '/kill', zun: whenRunning },
  { name: 'execute', method: 'POST', path: '/execute?command=ls', looks: true, zun: whenRunning },
  { name: 'attach', method: 'GET', path: '/attach', looks: true, zun: whenRunning },
  { name: 'resize', method: 'POST', path: '/resize?h=24&w=80', looks: true, zun: whenRunning },
  { name: 'top', method: 'GET', path: '/top', looks: true, zun: whenRunning },
  { name: 'stats', method: 'GET', path: '/stats', looks: true, zun: whenRunning },
  { name: 'logs', method: 'GET', path: '/logs', looks: true, zun: '.●●●●..●●...', more: 'What it wrote is there to be read', less: { status: 'Error', why: 'One that was never made wrote nothing' } },
  { name: 'get_archive', method: 'GET', path: '/get_archive?path=/etc', looks: true, zun: '.●●●●.......' },
  { name: 'put_archive', method: 'POST', path: '/put_archive?path=/tmp', body: { data: '' }, looks: true, zun: '.●●●●.......' },
  { name: 'commit', method: 'POST', path: '/commit?repository=kept', zun: '..●●●.......' },
  { name: 'update', method: 'PATCH', path: '', body: { memory: 128 }, zun: '.●●●●.......' },
  { name: 'resize_container', method: 'POST', path: '/resize_container?memory=128', zun: '.●●●●.......' },
  { name: 'delete', method: 'DELETE', path: '', zun: '.●..●..●.●●.', more: 'It is being deleted already' },
  { name: 'delete_after_stop', method: 'DELETE', path: '?stop=True', zun: '.●●.●..●.●●.', more: deletes },
  { name: 'delete_force', method: 'DELETE', path: '?force=True', admin: true, zun: '●●●.●●●●●●●●', more: deletes },
  { name: 'network_list', method: 'GET', path: '/network_list', looks: true, zun: always },
  { name: 'rename', method: 'POST', path: '/rename?name=another', version: 13, zun: always },
  { name: 'container_actions', method: 'GET', path: '/container_actions', looks: true, zun: always },
  { name: 'show', method: 'GET', path: '', looks: true, zun: always },
]; // prettier-ignore
