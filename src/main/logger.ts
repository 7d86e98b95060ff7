/** Structured logs on stdout: levels as words, times as ISO 8601, and no secret whatever happens to be in the object. */
import pino from 'pino';
import type { Config } from '../config/schema.ts';

export const loggerOf = ({ log }: Config) =>
  pino({
    level: log.level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: [
        '*.password',
        '*.token',
        '*.credential',
        '*.joinToken',
        '*.environment',
        'headers["x-auth-token"]',
      ],
      censor: '***',
    },
  });
