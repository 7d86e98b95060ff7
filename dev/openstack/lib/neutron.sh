#!/usr/bin/env bash
# Neutron of dev/openstack: its server, and two agents, each a host of its own to it: one wires this machine's ports with
# Linux bridges, one with Open vSwitch. They are the machine's: bridges brq* and br-int, links tap*, iptables chains neutron-*.
# Sourced after rabbitmq.sh, openvswitch.sh and catalog.sh; defines functions and names only.

neutron_packages() {
  keystone_packages
  rabbitmq_packages
  openvswitch_packages
  printf '%s\n' neutron-server neutron-linuxbridge-agent neutron-openvswitch-agent ipset ebtables iptables conntrack iproute2
}

neutron_port="${TROUPE_NEUTRON_PORT:-19696}"
neutron_url="http://127.0.0.1:$neutron_port"
# Where the switch is told its flows.
openflow_port="${TROUPE_OPENFLOW_PORT:-16633}"
bridge_host="$(hostname)"
ovs_host="$bridge_host-ovs"

write_neutron_config() {
  local folder="$site/neutron"
  install -d -o neutron -g neutron -m 711 "$folder"
  install -d -o neutron -g neutron -m 700 "$folder/state" "$folder/lock"
  install -d -m 755 "$folder/bin"
  (
    umask 077
    cat >"$folder/neutron.conf" <<CONF
[DEFAULT]
state_path = $folder/state
host = $bridge_host
bind_host = 127.0.0.1
bind_port = $neutron_port
api_workers = 0
rpc_workers = 1
rpc_state_report_workers = 0
api_paste_config = /etc/neutron/api-paste.ini
core_plugin = ml2
service_plugins =
auth_strategy = keystone
transport_url = rabbit://guest:guest@127.0.0.1:$rabbitmq_port/
# An agent whose question was lost with a server that was started anew asks again after so many seconds.
rpc_response_timeout = 10
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
agent_down_time = 10
# An agent whose question died with the server asks anew.
rpc_response_timeout = 15

[agent]
root_helper = env
report_interval = 2

[experimental]
linuxbridge = true

[oslo_concurrency]
lock_path = $folder/lock

[oslo_messaging_rabbit]
heartbeat_in_pthread = false

[database]
connection = $(database_url neutron)
max_pool_size = 5
max_overflow = 20

$(authtoken_of neutron)
CONF
  )
  cat >"$folder/ml2.ini" <<CONF
[ml2]
type_drivers = local,flat
tenant_network_types = local
mechanism_drivers = linuxbridge,openvswitch
extension_drivers = port_security

[ml2_type_flat]
flat_networks = *

[securitygroup]
enable_security_group = true
enable_ipset = true
CONF
  # What an agent asks for once a second is little, and what waits for it is a container's start.
  cat >"$folder/agent.ini" <<CONF
[linux_bridge]
physical_interface_mappings =

[vxlan]
enable_vxlan = false

[agent]
polling_interval = 1

[securitygroup]
firewall_driver = iptables
enable_security_group = true
enable_ipset = true
CONF
  cat >"$folder/ovs-agent.ini" <<CONF
[DEFAULT]
host = $ovs_host

[ovs]
datapath_type = netdev
ovsdb_connection = $(ovsdb_of_site)
of_listen_port = $openflow_port
bridge_mappings =

[agent]
polling_interval = 1
tunnel_types =

[securitygroup]
firewall_driver = openvswitch
enable_security_group = true
CONF
  # Debian 12's ebtables can't delete "--among-src" rules by their text, and the agent tries that for ever: the first
  # change of a plugged port would be its last. This one, first in the agent's PATH, deletes them by number.
  cat >"$folder/bin/ebtables" <<'SHIM'
#!/usr/bin/env bash
real=/usr/sbin/ebtables
if [[ " $* " == *" -D "* && " $* " == *" --among-src "* ]]; then
  table=nat chain='' rule=''
  while [ "$#" -gt 0 ]; do
    case "$1" in
      -t) table="$2"; shift 2 ;;
      -D) chain="$2"; shift 2; rule="$*"; break ;;
      *) shift ;;
    esac
  done
  number="$("$real" -t "$table" -L "$chain" --Ln 2>/dev/null | grep -F -- "$rule" | head -1 | sed -E 's/^ *([0-9]+)\.? .*/\1/')"
  [ -n "$number" ] || exit 0
  exec "$real" -t "$table" --concurrent -D "$chain" "$number"
fi
exec "$real" "$@"
SHIM
  chmod 755 "$folder/bin/ebtables"
  chown neutron:neutron "$folder/neutron.conf"
}

neutron_answers() { curl --silent --fail --noproxy '*' --max-time 5 --output /dev/null "$neutron_url/"; }

# neutron_agent_lives <host>: Neutron has heard of its agent there.
neutron_agent_lives() {
  OS_CLIENT_CONFIG_FILE="$site/clouds.yaml" /usr/bin/python3 - "$1" <<'PYTHON'
import sys
import openstack
agents = openstack.connect(cloud='admin').network.agents(host=sys.argv[1])
sys.exit(0 if any(agent.is_alive for agent in agents) else 1)
PYTHON
}

# neutron_is_of_before: what runs was configured by an earlier release, and knows nothing of Open vSwitch.
neutron_is_of_before() { ! grep -q '^mechanism_drivers = .*openvswitch' "$site/neutron/ml2.ini"; }

start_neutron_server() {
  if is_up neutron && neutron_answers && ! neutron_is_of_before; then return 0; fi
  stop_process neutron
  refuse_taken_port neutron "$neutron_port" TROUPE_NEUTRON_PORT || return 1
  ensure_database neutron
  write_neutron_config
  local configs=(--config-file "$site/neutron/neutron.conf" --config-file "$site/neutron/ml2.ini")
  if [ ! -e "$site/neutron/made" ]; then
    echo "Making Neutron's tables"
    if ! neutron-db-manage "${configs[@]}" upgrade heads >>"$site/log/neutron-manage.log" 2>&1; then
      echo "dev/openstack/up: Neutron could not be made; see $site/log/neutron-manage.log" >&2
      return 1
    fi
    touch "$site/neutron/made"
  fi
  await_rabbitmq
  echo "Starting Neutron on 127.0.0.1:$neutron_port"
  start_process neutron setpriv --reuid neutron --regid neutron --clear-groups neutron-server "${configs[@]}"
  # Again at each start: the port may be another now. It takes as long as the server does to start.
  if ! register_service neutron network "$neutron_url" >>"$site/log/neutron-manage.log" 2>&1; then
    echo "dev/openstack/up: Neutron could not be made known to Keystone; see $site/log/neutron-manage.log" >&2
    return 1
  fi
  await_process neutron 90 neutron_answers
}

# start_neutron_agents: side by side, since each takes as long as Python does to read it. As root: they make links and rules.
start_neutron_agents() {
  local configs=(--config-file "$site/neutron/neutron.conf" --config-file "$site/neutron/ml2.ini") begun=()
  if ! is_up neutron-agent; then
    start_process neutron-agent PATH="$site/neutron/bin:$PATH" HOME=/root neutron-linuxbridge-agent \
      "${configs[@]}" --config-file "$site/neutron/agent.ini"
    begun+=("neutron-agent $bridge_host")
  fi
  if ! is_up neutron-ovs-agent; then
    refuse_taken_port neutron-ovs-agent "$openflow_port" TROUPE_OPENFLOW_PORT || return 1
    start_process neutron-ovs-agent HOME=/root OVS_RUNDIR="$site/ovs" neutron-openvswitch-agent \
      "${configs[@]}" --config-file "$site/neutron/ovs-agent.ini"
    begun+=("neutron-ovs-agent $ovs_host")
  fi
  [ "${#begun[@]}" -gt 0 ] || return 0
  echo "Starting Neutron's agents of this machine"
  local name host
  while read -r name host; do await_process "$name" 60 neutron_agent_lives "$host"; done < <(printf '%s\n' "${begun[@]}")
}

# start_neutron: server and agents, up and known to each other.
start_neutron() {
  start_rabbitmq
  start_keystone
  start_openvswitch
  start_neutron_server
  start_neutron_agents
}

# clear_neutron: removes the links and rules that its agent has left on the machine, and makes again when it starts.
clear_neutron() {
  local link table set chain
  [ -d "$site/neutron" ] || return 0
  for link in /sys/class/net/*; do
    [[ "${link##*/}" =~ ^(brq|tap)[0-9a-f]{8}-[0-9a-f]{2}$ ]] || continue
    ip link delete "${link##*/}" 2>/dev/null || true
  done
  for table in iptables ip6tables; do
    # Others' rules are not written anew for nothing.
    [ "$("$table-save" 2>/dev/null | grep -c neutron- || true)" != 0 ] || continue
    "$table-save" 2>/dev/null | grep -v neutron- | "$table-restore" 2>/dev/null || true
  done
  for set in $(ipset list -name 2>/dev/null | grep -E '^NIPv[46]' || true); do ipset destroy "$set" || true; done
  for table in nat filter; do
    for chain in $(ebtables -t "$table" -L 2>/dev/null | sed -nE 's/^Bridge chain: (neutron[^,]*),.*/\1/p'); do
      ebtables -t "$table" -F "$chain" || true
    done
    # Not every table has that chain, nor the chain such a rule.
    ebtables -t "$table" -L PREROUTING 2>/dev/null | grep -E '^-.* neutron' |
      while read -r rule; do eval "ebtables -t $table -D PREROUTING $rule" || true; done || true
    for chain in $(ebtables -t "$table" -L 2>/dev/null | sed -nE 's/^Bridge chain: (neutron[^,]*),.*/\1/p'); do
      ebtables -t "$table" -X "$chain" || true
    done
  done
}
