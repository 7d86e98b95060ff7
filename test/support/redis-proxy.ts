/**
 * A TCP proxy before Redis that understands enough of RESP to see each commit
 * of the store (a call of its script) and to decide its fate: held on its way
 * or on its way back, its reply lost, refused, or answered that another owns the store.
 */
import { createHash } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { unsealText } from '../../src/actors/stores/record.ts';
import { commitScript } from '../../src/actors/stores/redis-scripts.ts';
import type { InboxMark, OutboxMessage } from '../../src/actors/stores/store.ts';
import type { JournalRecord } from '../../src/model/journal.ts';

export interface ProxiedTurn {
  readonly address: string;
  readonly revision: number;
  readonly journal: JournalRecord;
  readonly outbox: readonly OutboxMessage[];
  readonly inbox: readonly InboxMark[];
}

export interface ProxiedCommit {
  readonly turns: readonly ProxiedTurn[];
  /** By `performance.now()`: when it arrived here, and when its answer left for the control plane. */
  readonly sentAt: number;
  answeredAt: number | null;
}

export type Fate =
  | { readonly kind: 'pass' }
  | { readonly kind: 'hold'; readonly where: 'request' | 'reply'; readonly ms: number }
  /** Redis gets it, and its answer is lost with the connection. */
  | { readonly kind: 'lose' }
  /** Redis never hears of it. */
  | { readonly kind: 'refuse'; readonly error: string }
  | { readonly kind: 'stale'; readonly epoch: number };

export interface RedisProxy {
  readonly url: string;
  /** All that had turns, in the order of their arrival. */
  readonly commits: readonly ProxiedCommit[];
  /** Decides what becomes of a commit. Lets all pass at first. */
  fate: (commit: ProxiedCommit) => Fate;
  stop(): Promise<void>;
}

const commitSha = createHash('sha1').update(commitScript).digest('hex');

/** Bytes of the RESP value that begins at `at`; null while it is not all there. @see Redis serialization protocol, versions 2 and 3 */
function lengthAt(bytes: Buffer, at: number): number | null {
  const line = bytes.indexOf('\r\n', at);
  if (line < 0) return null;
  const head = line + 2 - at;
  const type = String.fromCharCode(bytes[at]!);
  const count = Number(bytes.toString('latin1', at + 1, line));
  if ('$=!'.includes(type)) {
    const whole = head + (count < 0 ? 0 : count + 2);
    return at + whole <= bytes.length ? whole : null;
  }
  if (!'*~>%|'.includes(type)) return head;
  let length = head;
  const items = '%|'.includes(type) ? count * 2 : count;
  for (let index = 0; index < items; index += 1) {
    const item = lengthAt(bytes, at + length);
    if (item === null) return null;
    length += item;
  }
  return length;
}

/** Splits a stream of RESP values. */
function splitter(each: (value: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (
      let length = lengthAt(rest, 0);
      length !== null;
      length = rest.length > 0 ? lengthAt(rest, 0) : null
    ) {
      const value = rest.subarray(0, length);
      rest = rest.subarray(length);
      each(value);
    }
  };
}

/** A command's texts. */
function textsOf(command: Buffer): readonly string[] {
  const texts: string[] = [];
  let at = command.indexOf('\r\n') + 2;
  while (at < command.length) {
    const line = command.indexOf('\r\n', at);
    const length = Number(command.toString('latin1', at + 1, line));
    texts.push(command.toString('utf8', line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
  return texts;
}

/** The commit in a command, if it is one with turns. Arguments as in redis-scripts.ts. */
function commitOf(command: Buffer, sentAt: number): ProxiedCommit | null {
  const [name, script, , , , , , , ...rest] = textsOf(command);
  const isCommit = name?.toLowerCase() === 'evalsha' ? script === commitSha : script === commitScript;
  if (!isCommit) return null;
  let at = 0;
  const take = (): string => {
    at += 1;
    return rest[at - 1] ?? '';
  };
  const skip = (count: number): void => void (at += count);
  const found: ProxiedTurn[] = [];
  skip(2 * Number(take()));
  while (at < rest.length) {
    const [address, revision] = [take(), Number(take())];
    skip(2);
    const journal = take();
    skip(2);
    const outbox: OutboxMessage[] = [];
    for (let left = Number(take()); left > 0; left -= 1) {
      skip(1);
      outbox.push(JSON.parse(unsealText(take())) as OutboxMessage);
    }
    const inbox: InboxMark[] = [];
    for (let left = Number(take()); left > 0; left -= 1) {
      skip(1);
      inbox.push(JSON.parse(unsealText(take())) as InboxMark);
    }
    skip(2);
    for (let lists = 2; lists > 0; lists -= 1) skip(Number(take()));
    found.push({
      address,
      revision,
      journal: JSON.parse(journal) as JournalRecord,
      outbox,
      inbox,
    });
  }
  if (found.length === 0) return null;
  return { turns: found, sentAt, answeredAt: null };
}

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const staleAnswer = (turns: number, epoch: number): string =>
  `*${turns}\r\n${`*4\r\n${bulk('stale')}:${epoch}\r\n:0\r\n:0\r\n`.repeat(turns)}`;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Pending {
  readonly commit: ProxiedCommit | null;
  readonly fate: Fate;
  answer: Buffer | null;
  /** Not Redis's: it never saw the question. */
  readonly own: boolean;
}

export async function startRedisProxy(target: number): Promise<RedisProxy> {
  const commits: ProxiedCommit[] = [];
  const sockets = new Set<Socket>();

  const serve = (client: Socket): void => {
    const upstream = connect(target, '127.0.0.1');
    const pending: Pending[] = [];
    let requests: Promise<void> = Promise.resolve();
    let replies: Promise<void> = Promise.resolve();
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', end).on('close', () => {
        sockets.delete(socket);
        end();
      });
    }

    /** Answers leave in the order of their questions. */
    const flush = async (): Promise<void> => {
      for (let first = pending[0]; first?.answer; first = pending[0]) {
        pending.shift();
        const { commit, fate, answer } = first;
        if (commit && answer!.subarray(0, 9).toString() === '-NOSCRIPT')
          commits.splice(commits.indexOf(commit), 1);
        else if (fate.kind === 'lose') return end();
        else if (fate.kind === 'hold' && fate.where === 'reply') await pause(fate.ms);
        if (commit) commit.answeredAt = performance.now();
        client.write(answer!);
      }
    };
    const flushLater = (): void => void (replies = replies.then(flush));

    const ask = async (command: Buffer, sentAt: number): Promise<void> => {
      const commit = commitOf(command, sentAt);
      if (commit) commits.push(commit);
      const fate: Fate = commit ? proxy.fate(commit) : { kind: 'pass' };
      const own =
        fate.kind === 'refuse' ? `-${fate.error}\r\n`
        : fate.kind === 'stale' ? staleAnswer(commit!.turns.length, fate.epoch)
        : null; // prettier-ignore
      if (fate.kind === 'hold' && fate.where === 'request') await pause(fate.ms);
      pending.push({ commit, fate, answer: own === null ? null : Buffer.from(own), own: own !== null });
      if (own === null) upstream.write(command);
      else flushLater();
    };

    client.on('data', splitter((command) => {
      const copy = Buffer.from(command);
      const sentAt = performance.now();
      requests = requests.then(() => ask(copy, sentAt));
    })); // prettier-ignore
    upstream.on('data', splitter((reply) => {
      const waiting = pending.find(({ answer, own }) => answer === null && !own);
      if (waiting) waiting.answer = Buffer.from(reply);
      flushLater();
    })); // prettier-ignore
  };

  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const proxy: RedisProxy = {
    url: `redis://127.0.0.1:${port}`,
    commits,
    fate: () => ({ kind: 'pass' }),
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return proxy;
}
