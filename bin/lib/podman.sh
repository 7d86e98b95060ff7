#!/usr/bin/env bash
# A Podman of Troupe's own: its own storage, network, socket and configuration, never the machine's.
# Sourced by the scripts in bin/ after packages.sh; defines functions only.

# podman_of <dir> <argument>...: one command to that instance.
podman_of() {
  local dir="$1"
  shift
  CONTAINERS_CONF="$dir/containers.conf" podman --root "$dir/storage" --runroot "$dir/run" --tmpdir "$dir/tmp" "$@"
}

podman_answers() {
  [ -S "$1/podman.sock" ] &&
    curl --silent --fail --noproxy '*' --max-time 5 --unix-socket "$1/podman.sock" http://podman/_ping >/dev/null 2>&1
}

# write_podman_config <dir>: what Podman needs where nothing grants more than a container's defaults ask for
# (limits above ours can't be given), where no systemd manages control groups, and where other
# instances of Podman run: locks of its own, and a bridge and addresses that follow from the folder.
# A process that waits five minutes behind each command run in a container (the default) is for
# clients slower than ours.
write_podman_config() {
  local dir="$1" files processes runtime=crun number
  files="$(ulimit -Hn)" processes="$(ulimit -Hu)"
  [ "$files" != unlimited ] || files=1048576
  # Podman lowers its own limit to this.
  { [ "$processes" != unlimited ] && [ "$processes" -lt 32768 ]; } || processes=32768
  if command -v runc >/dev/null 2>&1; then runtime=runc; fi
  number="$(printf '%s' "$dir" | cksum)"
  number="${number%% *}"
  mkdir -p "$dir/networks" "$dir/addresses" "$dir/scratch"
  cat >"$dir/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=$processes:$processes"]

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "$runtime"
lock_type = "file"
exit_command_delay = 5

[network]
network_backend = "cni"
cni_plugin_dirs = ["/usr/lib/cni"]
network_config_dir = "$dir/networks"
default_network = "troupe"
CONF
  cat >"$dir/networks/troupe.conflist" <<CONF
{
  "cniVersion": "0.4.0",
  "name": "troupe",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "troupe-$((number % 100000000))",
      "isGateway": true,
      "ipam": {
        "type": "host-local",
        "dataDir": "$dir/addresses",
        "routes": [{ "dst": "0.0.0.0/0" }],
        "ranges": [[{ "subnet": "10.$((128 + number % 64)).$((number / 64 % 256)).0/24" }]]
      }
    }
  ]
}
CONF
}

# ensure_podman <dir>: Podman answers Docker's API at <dir>/podman.sock, installed and started when
# needed. One line per step, nothing when it is up. Where it can't, says in one line what to do and returns 1.
ensure_podman() {
  local dir="$1" tries
  if podman_answers "$dir"; then return 0; fi
  if [ "$(id -u)" != 0 ]; then
    echo "troupe: Podman is started as root only; run this as root" >&2
    return 1
  fi
  if ! command -v podman >/dev/null 2>&1 || ! command -v ip >/dev/null 2>&1; then
    need_packages podman iproute2 || return 1
  fi
  if ! mkdir -p "$dir" || ! chmod 700 "$dir"; then
    echo "troupe: can't make the folder $dir for Podman; give one this user may write" >&2
    return 1
  fi
  dir="$(cd "$dir" && pwd)"
  write_podman_config "$dir" || return 1
  echo "Starting Podman at $dir/podman.sock"
  # In its folder: conmon leaves notes in the folder its parent was started in, and Podman each image
  # it is sent in TMPDIR, /var/tmp by default (seen with 4.3.1).
  # shellcheck disable=SC2016 # the inner shell expands them
  CONTAINERS_CONF="$dir/containers.conf" TMPDIR="$dir/scratch" setsid --fork sh -c 'cd "$1" && echo $$ >podman.pid && exec podman \
    --root "$1/storage" --runroot "$1/run" --tmpdir "$1/tmp" system service --time 0 "unix://$1/podman.sock"' \
    sh "$dir" </dev/null >>"$dir/podman.log" 2>&1
  for ((tries = 0; tries < 150; tries++)); do
    if podman_answers "$dir"; then return 0; fi
    sleep 0.2
  done
  echo "troupe: Podman doesn't answer at $dir/podman.sock; see $dir/podman.log" >&2
  return 1
}

# podman_processes <dir>: the service, and what it left beside containers and commands.
podman_processes() {
  pgrep -f -- "$1/(storage|podman\.sock)( |$|/)" || true
}

# stop_podman <dir>: stops that Podman and removes all it made; the folder too.
stop_podman() {
  local dir="$1" pid tries bridge
  [ -d "$dir" ] || return 0
  dir="$(cd "$dir" && pwd)"
  podman_of "$dir" rm --force --all --time 0 >/dev/null 2>&1 || true
  for ((tries = 0; tries < 100; tries++)); do
    [ -n "$(podman_processes "$dir")" ] || break
    for pid in $(podman_processes "$dir"); do kill "$pid" 2>/dev/null || true; done
    sleep 0.1
  done
  bridge="$(sed -n 's/.*"bridge": "\(troupe-[0-9]*\)".*/\1/p' "$dir/networks/troupe.conflist" 2>/dev/null || true)"
  if [ -n "$bridge" ]; then ip link delete "$bridge" 2>/dev/null || true; fi
  while umount "$dir/storage/overlay" 2>/dev/null; do :; done
  rm -rf "$dir"
}
