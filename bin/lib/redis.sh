#!/usr/bin/env bash
# A Redis of Troupe's own: its own port, folder and password, never the machine's.
# Sourced by the scripts in bin/ after packages.sh; defines functions only.

# redis_say <port> <dir> <command>...: one command to that instance.
redis_say() {
  local port="$1" dir="$2"
  shift 2
  REDISCLI_AUTH="$(cat "$dir/password" 2>/dev/null)" redis-cli -h 127.0.0.1 -p "$port" "$@" 2>/dev/null
}

redis_answers() {
  command -v redis-cli >/dev/null 2>&1 && [ "$(redis_say "$1" "$2" ping)" = PONG ]
}

# write_redis_config <port> <dir>: what Troupe promises rests on appendfsync always:
# an answer is given only for what is on the disk.
write_redis_config() {
  local port="$1" dir="$2" password
  if [ ! -s "$dir/password" ]; then
    password="$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')"
    (umask 077 && printf '%s\n' "$password" >"$dir/password")
  fi
  password="$(cat "$dir/password")"
  (
    umask 077
    cat >"$dir/redis.conf" <<CONF
bind 127.0.0.1
port $port
protected-mode yes
requirepass $password
dir "$dir"
pidfile "$dir/redis.pid"
logfile "$dir/redis.log"
daemonize yes
appendonly yes
appendfsync always
no-appendfsync-on-rewrite no
aof-load-truncated yes
save ""
maxmemory-policy noeviction
CONF
  )
}

# ensure_redis <port> <dir>: Troupe's Redis answers on 127.0.0.1:<port>, installed and started when
# needed; its password is in <dir>/password (0600). One line per step, nothing when it is up.
# Where it can't, says in one line what to do and returns 1.
ensure_redis() {
  local port="$1" dir="$2" tries
  if redis_answers "$port" "$dir"; then return 0; fi
  if ! command -v redis-server >/dev/null 2>&1; then
    need_packages redis-server || return 1
  fi
  # The folder above is Troupe's state directory: for its owner alone, too.
  if ! (umask 077 && mkdir -p "$dir") || ! chmod 700 "$dir"; then
    echo "troupe: can't make the folder $dir for Redis; give one this user may write" >&2
    return 1
  fi
  dir="$(cd "$dir" && pwd)"
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    # It may be ours, still loading what it wrote.
    case "$(redis_say "$port" "$dir" ping)" in
      PONG | LOADING*) ;;
      *)
        echo "troupe: something else listens on 127.0.0.1:$port; choose another port for Troupe's Redis, as in: TROUPE_REDIS_PORT=$((port + 1)) bin/quickstart" >&2
        return 1
        ;;
    esac
  else
    echo "Starting Redis on 127.0.0.1:$port"
    write_redis_config "$port" "$dir"
    redis-server "$dir/redis.conf" >/dev/null || true
  fi
  for ((tries = 0; tries < 300; tries++)); do
    if redis_answers "$port" "$dir"; then return 0; fi
    sleep 0.2
  done
  echo "troupe: Redis doesn't answer on 127.0.0.1:$port; see $dir/redis.log" >&2
  return 1
}

# stop_redis <port> <dir>: stops Troupe's Redis after it has written all; quick when it isn't there.
stop_redis() {
  local port="$1" dir="$2" tries
  redis_answers "$port" "$dir" || return 0
  redis_say "$port" "$dir" shutdown >/dev/null || true
  for ((tries = 0; tries < 150; tries++)); do
    redis_answers "$port" "$dir" || return 0
    sleep 0.1
  done
  echo "troupe: Redis on 127.0.0.1:$port doesn't stop; see $dir/redis.log" >&2
  return 1
}
