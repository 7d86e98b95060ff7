#!/usr/bin/env bash
# The Open vSwitch of dev/openstack: one of its own, whose packets a program moves ("userspace datapath"), since not every
# kernel has what the other kind needs. Sourced after processes.sh; defines functions only.

openvswitch_packages() { printf '%s\n' openvswitch-switch ethtool; }

# ovsdb_of_site: where its database listens.
ovsdb_of_site() { echo "unix:$site/ovs/db.sock"; }

ovs_vsctl() { ovs-vsctl --db="$(ovsdb_of_site)" --timeout=10 "$@"; }

# start_openvswitch: its database and its switch, up and answering.
start_openvswitch() {
  if is_up ovsdb && is_up vswitchd; then return 0; fi
  local folder="$site/ovs" process
  for process in vswitchd ovsdb; do stop_process "$process"; done
  install -d -m 700 "$folder"
  # What was plugged before has gone with those who had it.
  rm -f "$folder/conf.db"
  ovsdb-tool create "$folder/conf.db" /usr/share/openvswitch/vswitch.ovsschema
  echo "Starting Open vSwitch"
  start_process ovsdb OVS_RUNDIR="$folder" ovsdb-server "$folder/conf.db" --remote="p$(ovsdb_of_site)" \
    --remote=db:Open_vSwitch,Open_vSwitch,manager_options --unixctl="$folder/ovsdb.ctl" -vconsole:warn
  await_process ovsdb 30 ovs_vsctl --no-wait init
  start_process vswitchd OVS_RUNDIR="$folder" ovs-vswitchd "$(ovsdb_of_site)" --unixctl="$folder/vswitchd.ctl" -vconsole:warn
  await_process vswitchd 30 ovs_vsctl show
}

# clear_openvswitch: removes the links of its bridges, which outlive it.
clear_openvswitch() {
  local link
  [ -d "$site/ovs" ] || return 0
  for link in ovs-netdev br-int; do
    # Another's bridge of that name is of another kind.
    [ ! -e "/sys/class/net/$link/tun_flags" ] || ip link delete "$link" 2>/dev/null || true
  done
}
