#!/usr/bin/env bash
# An image to run the first container from, on a machine with or without a way to a registry.
# Sourced by the scripts in bin/ after packages.sh and engine.sh; defines functions only.

TROUPE_LOCAL_IMAGE=troupe/busybox:local

# has_image <reference>: succeeds when the engine holds it.
has_image() {
  engine_request --max-time 10 "/images/$1/json" >/dev/null 2>&1
}

# Pulls busybox:latest within a minute. The engine tells a failed pull inside an answer 200.
pull_busybox() {
  local answer
  answer="$(engine_request --max-time 60 -X POST "/images/create?fromImage=busybox&tag=latest" 2>/dev/null)" || return 1
  case "$answer" in *'"error"'*) return 1 ;; esac
  has_image busybox:latest
}

# Builds troupe/busybox:local from the machine's static busybox: the binary, a link per applet,
# the folders and the two accounts that programs expect.
build_busybox() {
  local busybox root applet answer failed=0
  need_packages busybox-static || return 1
  busybox="$(command -v busybox)" || return 1
  root="$(mktemp -d)" || return 1
  chmod 755 "$root"
  mkdir -p "$root"/{bin,sbin,usr,etc,root,home,var,dev,proc,sys}
  mkdir -m 1777 "$root/tmp"
  ln -s ../bin "$root/usr/bin"
  ln -s ../sbin "$root/usr/sbin"
  install -m 755 "$busybox" "$root/bin/busybox"
  for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnobody:x:65534:\n' >"$root/etc/group"
  answer="$(tar --create --numeric-owner --owner=0 --group=0 --directory="$root" . |
    engine_request -X POST -H 'Content-Type: application/x-tar' --data-binary @- \
      "/images/create?fromSrc=-&repo=$TROUPE_LOCAL_IMAGE&changes=CMD%20%5B%22sh%22%5D&changes=ENV%20PATH%3D%2Fbin%3A%2Fsbin")" || failed=1
  rm -rf "$root"
  [ "$failed" = 0 ] || echo "troupe: the engine answered: ${answer:-nothing}" >&2
  [ "$failed" = 0 ] && has_image "$TROUPE_LOCAL_IMAGE"
}

# ensure_local_image: troupe/busybox:local, built when it is missing. For tests, which need no registry.
ensure_local_image() {
  if has_image "$TROUPE_LOCAL_IMAGE"; then return 0; fi
  echo "Building the image $TROUPE_LOCAL_IMAGE from this machine's static busybox"
  if ! build_busybox; then
    echo "troupe: building $TROUPE_LOCAL_IMAGE failed; see above, and the log of the engine" >&2
    return 1
  fi
}

# ensure_image: an image the first container can run; sets TROUPE_IMAGE to its reference.
# busybox:latest, or, where it can't be pulled, troupe/busybox:local.
ensure_image() {
  TROUPE_IMAGE=busybox:latest
  if has_image "$TROUPE_IMAGE"; then return 0; fi
  if has_image "$TROUPE_LOCAL_IMAGE"; then
    TROUPE_IMAGE="$TROUPE_LOCAL_IMAGE"
    return 0
  fi
  echo "Pulling $TROUPE_IMAGE"
  if pull_busybox; then return 0; fi
  echo "$TROUPE_IMAGE can't be pulled here"
  TROUPE_IMAGE="$TROUPE_LOCAL_IMAGE"
  ensure_local_image
}
