#!/usr/bin/env bash
# The folder of dev/openstack, and what is the same for all its services. Sourced; defines functions and names only.

site="${TROUPE_OPENSTACK_DIR:-/var/lib/troupe-openstack}"
region=RegionOne
# In the order in which they stop.
# shellcheck disable=SC2034 # for the script that sources this
services_in_order=(cinder-volume cinder-scheduler cinder neutron-ovs-agent neutron-agent neutron vswitchd ovsdb rabbitmq epmd glance keystone mariadb)

# Python of Debian, whatever else is on the way; nothing of a cloud that this shell may know.
export PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin LC_ALL=C.UTF-8
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYENV_ROOT
for variable in "${!OS_@}"; do unset "$variable"; done

# take_site: makes the folder, and keeps everybody else who starts or stops it waiting until this script ends.
# Services run under their own users, so others may pass through it; what is secret in it is not theirs to read.
take_site() {
  mkdir -p "$site"
  chmod 711 "$site"
  site="$(cd "$site" && pwd)"
  mkdir -p -m 700 "$site/run"
  mkdir -p -m 711 "$site/log"
  exec 9>"$site/run/lock"
  flock 9
}

# password_of <name>: the password of a user of the cloud or the database; made at the first asking.
password_of() {
  local file="$site/passwords/$1"
  mkdir -p -m 700 "$site/passwords"
  [ -s "$file" ] || (umask 077 && head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$file")
  cat "$file"
}

# need_service_packages <package>...: installs what is missing, and lets no package start a service of its own.
need_service_packages() {
  local package missing=() policy=/usr/sbin/policy-rc.d made='' status=0
  for package in "$@"; do has_package "$package" || missing+=("$package"); done
  [ "${#missing[@]}" -gt 0 ] || return 0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=yes
  fi
  need_packages "${missing[@]}" || status=$?
  [ -z "$made" ] || rm -f "$policy"
  return "$status"
}
