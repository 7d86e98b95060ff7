#!/usr/bin/env bash
# Debian packages: installs what is missing in one go, and is quick when nothing is.
# Sourced by the scripts in bin/; defines functions only.

# has_package <package>: succeeds when it is installed.
has_package() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need_packages <package>...: installs those that are missing.
# Where it can't, says in one line what to install and returns 1.
need_packages() {
  local package output missing=()
  if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    echo "troupe: this isn't Debian; please install what its packages $* hold" >&2
    return 1
  fi
  for package in "$@"; do
    has_package "$package" || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    echo "troupe: not root; please run as root: apt-get install ${missing[*]}" >&2
    return 1
  fi
  echo "Installing ${missing[*]}"
  if [ -z "${TROUPE_APT_UPDATED:-}" ]; then
    # A source that doesn't answer is told by the install that follows, if it matters.
    apt-get update -qq >/dev/null 2>&1 || true
    TROUPE_APT_UPDATED=1
  fi
  if ! output="$(DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null 2>&1)"; then
    printf '%s\n' "$output" | tail -n 5 >&2
    echo "troupe: installing failed; please run: apt-get install ${missing[*]}" >&2
    return 1
  fi
}
