/** What a look over this site found. */
import type { DoctorFinding } from '../cli/roots.ts';

export const fine = (check: string, detail: string): DoctorFinding => ({
  check,
  ok: true,
  detail,
  fix: null,
});

export const fault = (check: string, detail: string, fix: string): DoctorFinding => ({
  check,
  ok: false,
  detail,
  fix,
});
