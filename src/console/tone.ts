/**
 * How a status is coloured: Zun's words (zun-api 3.2) and those of hosts and
 * tenants. A word that is not here is shown plainly.
 */
export type Tone = 'bad' | 'warn' | 'moving' | 'good' | 'plain';

const tones: Readonly<Record<string, Tone>> = {
  Error: 'bad',
  Unknown: 'bad',
  Dead: 'bad',
  lost: 'bad',
  suspect: 'warn',
  Restarting: 'warn',
  Creating: 'moving',
  Deleting: 'moving',
  Rebuilding: 'moving',
  joining: 'moving',
  syncing: 'moving',
  Running: 'good',
  online: 'good',
  active: 'good',
};

export const toneOf = (status: string): Tone => tones[status] ?? 'plain';
