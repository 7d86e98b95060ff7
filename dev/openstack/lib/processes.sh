#!/usr/bin/env bash
# Processes of dev/openstack: started apart from this shell, known by pid and birth, stopped by them.
# Sourced after site.sh; defines functions only.

# birth_of <pid>: when it began, in ticks since the boot; a pid that is used again has another.
birth_of() {
  local stat
  read -r stat <"/proc/$1/stat" 2>/dev/null || return 1
  # The name may hold blanks; what follows its bracket doesn't.
  set -- ${stat##*) }
  [ "$1" != Z ] && echo "${20}"
}

# is_up <name>: the process that was started under that name lives.
is_up() {
  local pid birth
  read -r pid birth 2>/dev/null <"$site/run/$1.pid" || return 1
  [ "$(birth_of "$pid" 2>/dev/null)" = "$birth" ]
}

# start_process <name> <command>...: in the background, with what it says in log/<name>.out. It must stay in the foreground.
# It takes nothing of this shell with it: a lock or a pipe that a caller has open would be held as long as it lives.
start_process() {
  local name="$1" pid
  shift
  (
    for fd in "/proc/$BASHPID/fd/"*; do
      fd="${fd##*/}"
      [ "$fd" -le 2 ] || eval "exec $fd>&-"
    done
    exec setsid env -i PATH="$PATH" HOME=/nonexistent LC_ALL=C.UTF-8 "$@"
  ) </dev/null >>"$site/log/$name.out" 2>&1 &
  pid=$!
  disown
  echo "$pid $(birth_of "$pid")" >"$site/run/$name.pid"
}

# await_process <name> <seconds> <command>...: waits until the command succeeds; says why when it doesn't.
await_process() {
  local name="$1" seconds="$2" tries
  shift 2
  for ((tries = 0; tries < seconds * 10; tries++)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    if ! is_up "$name"; then
      tail -n 5 "$site/log/$name.out" >&2
      echo "dev/openstack/up: $name has ended; see $site/log/$name.out" >&2
      return 1
    fi
    sleep 0.1
  done
  echo "dev/openstack/up: $name isn't ready after $seconds s; see $site/log" >&2
  return 1
}

# stop_process <name>: asks it to end, and kills it when it doesn't within 10 s.
stop_process() {
  local name="$1" pid tries
  if is_up "$name"; then
    read -r pid _ <"$site/run/$name.pid"
    kill -TERM "$pid" 2>/dev/null || true
    for ((tries = 0; tries < 100; tries++)); do
      is_up "$name" || break
      sleep 0.1
    done
    # Its session: what it started, too.
    ! is_up "$name" || kill -KILL -- "-$pid" 2>/dev/null || true
    echo "$name (process $pid) has stopped"
  fi
  rm -f "$site/run/$name.pid"
}

# refuse_taken_port <name> <port> <variable>: fails, naming the variable that chooses another, where somebody listens there.
refuse_taken_port() {
  if (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then
    echo "dev/openstack/up: something else than $1 listens on 127.0.0.1:$2; choose another, as in: $3=$(($2 + 1)) dev/openstack/up" >&2
    return 1
  fi
}

# uwsgi_settings <program> [argument]: what uwsgi is told to run an API of OpenStack, in one process.
uwsgi_settings() {
  cat <<CONF
[uwsgi]
plugins = python3
wsgi-file = $1
${2:+pyargv = $2
}master = true
processes = 1
threads = 4
enable-threads = true
lazy-apps = true
die-on-term = true
no-orphans = true
buffer-size = 65535
add-header = Connection: close
disable-logging = true
CONF
}
