/**
 * Errors on Zun's wire. One place turns a {@link TroupeError} into status and
 * body. @see zun-api of the Zun community, API-WG errors guideline
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorTable, TroupeError } from '../../errors/errors.ts';
import { errorKinds } from '../../errors/kinds.ts';

export interface ErrorBody {
  readonly errors: readonly {
    readonly request_id: string;
    readonly code: string;
    readonly status: number;
    readonly title: string;
    readonly detail: string;
    readonly links: readonly object[];
    readonly [extra: string]: unknown;
  }[];
}

/** The envelope of all errors; `code` is Zun's kebab-case class name or empty for the router's own. */
export function errorBody(
  requestId: string,
  status: number,
  code: string,
  message: string,
  extra: object = {},
): ErrorBody {
  return {
    errors: [
      {
        request_id: requestId,
        code: `container.${code}`,
        status,
        title: message,
        detail: message,
        links: [],
        ...extra,
      },
    ],
  };
}

/**
 * Zun's client breaks on the header in a 503, and shows that instead of the sentence. Under `openstack` it goes by the name of
 * the library below it. @see python-zunclient 4.5, `from_response`
 */
const takesRetryAfter = ({ headers }: FastifyRequest): boolean =>
  !/^python-(zunclient|urllib3)/.test(headers['user-agent'] ?? '');

/** The only place that maps an error to a status. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { requestId } = request;
  if (error instanceof TroupeError && error.kind !== 'internal') {
    const { http, level } = errorKinds[error.kind];
    request.log[level]({ code: error.code, err: level === 'info' ? undefined : error }, error.message);
    if (http === 503 && error.retryable && takesRetryAfter(request)) reply.header('retry-after', '1');
    return reply
      .code(http)
      .send(errorBody(requestId, http, errorTable[error.code].zun, error.message, error.details));
  }
  const { statusCode } = error as { statusCode?: number };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return reply
      .code(statusCode)
      .send(errorBody(requestId, statusCode, '', error instanceof Error ? error.message : ''));
  }
  request.log.error({ err: error }, 'request failed');
  const detail = `Your request could not be handled because of a problem in the server. Error Correlation id is: ${requestId}`;
  const body = errorBody(requestId, 500, '', detail);
  return reply
    .code(500)
    .send({ errors: body.errors.map((each) => ({ ...each, title: 'Internal Server Error' })) });
}
