import type { HostInfo, TenantInfo } from '../live/api.ts';
import { linkTo } from '../router.ts';
import { amount } from '../words.ts';
import { Meter, Status } from './status.tsx';

/** Told in MiB. */
const memory = (mib: number): string => `${amount(mib * 1024 * 1024)}B`;

export function HostCards({ hosts }: { hosts: readonly HostInfo[] | null }) {
  return (
    <section class="card" aria-labelledby="hosts-title">
      <h2 id="hosts-title">
        Hosts <span class="count">{hosts?.length ?? ''}</span>
      </h2>
      {hosts?.length === 0 && <p class="soft">No host has joined yet.</p>}
      <ul class="figures">
        {hosts?.map((host) => (
          <li key={host.uuid}>
            <a href={linkTo(['host', host.uuid])}>
              <span class="figure-head">
                <b class="name">{host.hostname}</b>
                <Status status={host.state} />
                {host.admission !== 'open' && <span class="tag warn">{host.admission}</span>}
                {!host.engine_up && host.state === 'online' && <span class="tag bad">engine down</span>}
              </span>
              <Meter label="CPU" used={host.cpu_used} total={host.cpus} />
              <Meter label="memory" used={host.mem_used} total={host.mem_total} inWords={memory} />
              <span class="soft small-line">
                {host.total_containers} containers{host.engine === null ? '' : ` · ${host.engine}`} ·{' '}
                {host.availability_zone}
              </span>
              {host.reason !== null && <span class="reason">{host.reason}</span>}
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function TenantCards({ tenants }: { tenants: readonly TenantInfo[] | null }) {
  return (
    <section class="card" aria-labelledby="tenants-title">
      <h2 id="tenants-title">
        Tenants <span class="count">{tenants?.length ?? ''}</span>
      </h2>
      {tenants?.length === 0 && <p class="soft">None has had a container yet.</p>}
      <ul class="figures">
        {tenants?.map(({ id, used, limits, reserved }) => (
          <li key={id}>
            <a href={linkTo(['tenant', id])}>
              <span class="figure-head">
                <b class="name">{id}</b>
                {reserved > 0 && <span class="tag">{reserved} being admitted</span>}
              </span>
              <Meter label="containers" used={used.containers} total={limits.containers} />
              <Meter label="CPU" used={used.cpu} total={limits.cpu} />
              <Meter label="memory" used={used.memory} total={limits.memory} inWords={memory} />
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
