/**
 * How a status is coloured: Zun's words (zun-api 3.2) and those of hosts,
 * tenants, sandboxes, pools, networks, volumes and images. A word that is not here is shown plainly.
 */
export type Tone = 'bad' | 'warn' | 'moving' | 'good' | 'plain';

const tones: Readonly<Record<string, Tone>> = {
  Error: 'bad',
  Unknown: 'bad',
  Dead: 'bad',
  lost: 'bad',
  error: 'bad',
  broken: 'bad',
  suspect: 'warn',
  Restarting: 'warn',
  Creating: 'moving',
  Deleting: 'moving',
  Rebuilding: 'moving',
  joining: 'moving',
  syncing: 'moving',
  creating: 'moving',
  making: 'moving',
  pulling: 'moving',
  committing: 'moving',
  changing: 'moving',
  filling: 'moving',
  shrinking: 'moving',
  draining: 'moving',
  deleting: 'moving',
  removing: 'moving',
  Running: 'good',
  available: 'good',
  present: 'good',
  ready: 'good',
  claimed: 'good',
  online: 'good',
  active: 'good',
};

export const toneOf = (status: string): Tone => tones[status] ?? 'plain';
