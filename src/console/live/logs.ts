/** A container's log as it is written. */
import { request } from '../browser.ts';
import { ApiError } from './api.ts';

/** Lines that are told at the start. */
const tail = 500;

/**
 * Resolves when the log has ended, which it does with the container's run.
 * @throws ApiError when there is no log to be had
 */
export async function followLog(
  token: string,
  path: string,
  told: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await request(`${path}/logs?follow=true&tail=${tail}`, {
    headers: { 'x-auth-token': token, 'openstack-api-version': 'container latest' },
    signal,
  });
  if (!response.ok || !response.body) {
    const answer = (await response.json().catch(() => null)) as {
      errors?: readonly { detail?: string }[];
    } | null;
    throw new ApiError(
      response.status,
      answer?.errors?.[0]?.detail ?? `The server answered ${response.status}`,
    );
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    told(value);
  }
}
