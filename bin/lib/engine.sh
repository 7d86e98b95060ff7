#!/usr/bin/env bash
# The container engine: installs Docker where it is missing and starts it where it doesn't answer.
# Sourced by the scripts in bin/ after packages.sh; defines functions only.

# The path of the socket the engine listens on.
engine_socket() {
  local host="${DOCKER_HOST:-unix:///var/run/docker.sock}"
  echo "${host#unix://}"
}

# engine_request <curl argument>... <path>: one request to the engine's API; its answer on
# standard output, also when it is an error, which returns 22.
engine_request() {
  local path="${!#}"
  curl --silent --fail-with-body --noproxy '*' --unix-socket "$(engine_socket)" "${@:1:$#-1}" "http://engine$path"
}

engine_answers() {
  [ -S "$(engine_socket)" ] && engine_request --max-time 5 /_ping >/dev/null 2>&1
}

# Waits at most 30 s for the engine.
await_engine() {
  local tries
  for ((tries = 0; tries < 150; tries++)); do
    if engine_answers; then return 0; fi
    sleep 0.2
  done
  return 1
}

# Starts dockerd where no init manages services; it starts its own containerd.
start_engine_directly() {
  local log="$1" pidfile=/var/run/docker.pid
  # dockerd refuses to start when the pid in a stale file is now something else's.
  if [ -e "$pidfile" ] && ! grep -qa dockerd "/proc/$(cat "$pidfile")/cmdline" 2>/dev/null; then
    rm -f "$pidfile"
  fi
  # A session of its own, so that it outlives this script and its terminal;
  # live-restore, so that containers outlive dockerd.
  setsid --fork dockerd --live-restore --pidfile "$pidfile" </dev/null >>"$log" 2>&1
}

# ensure_engine: a container engine that answers, installed and started when needed.
# One line per step, nothing when it is up. Where it can't, says in one line what to do and returns 1.
ensure_engine() {
  local log=/var/log/troupe-dockerd.log
  command -v curl >/dev/null 2>&1 || need_packages curl || return 1
  if engine_answers; then return 0; fi
  if [ "$(engine_socket)" != /var/run/docker.sock ]; then
    echo "troupe: no container engine answers at $(engine_socket), which DOCKER_HOST names; start it or unset DOCKER_HOST" >&2
    return 1
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "troupe: no container engine answers at $(engine_socket); please install docker.io and start it, or run this as root" >&2
    return 1
  fi
  if ! command -v dockerd >/dev/null 2>&1; then
    need_packages docker.io iptables || return 1
    if engine_answers; then return 0; fi
  fi
  echo "Starting the container engine"
  if [ -d /run/systemd/system ]; then
    log="journalctl -u docker"
    systemctl start docker || true
  elif [ "$(cat /proc/1/comm)" = init ] && [ -x /etc/init.d/docker ] && service docker start >/dev/null 2>&1; then
    log=/var/log/docker.log
  else
    start_engine_directly "$log"
  fi
  if ! await_engine; then
    echo "troupe: the container engine doesn't answer at $(engine_socket); see $log" >&2
    return 1
  fi
}
