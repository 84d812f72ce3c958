#!/usr/bin/env bash
# What Lifeboat needs of Debian and its relatives (Ubuntu, Mint). Installs only what is missing; may be run again.
#   debian.sh run     to build it and run it
#   debian.sh test    that, and what its tests need
#   debian.sh bench   that of run, and what it is measured beside
# Ends with 3 when something is missing and this account may not install it; the list and the command are printed.
set -euo pipefail

purpose="${1:-run}"
packages=(build-essential ca-certificates pkg-config libwebkit2gtk-4.1-dev librsvg2-dev libayatana-appindicator3-dev
  libdbus-1-dev libasound2-dev)
case "$purpose" in
  run) ;;
  test) packages+=(util-linux xvfb webkit2gtk-driver dbus gnome-keyring chromium fonts-dejavu-core
    python3-dbus python3-gi) ;;
  bench) packages+=(xvfb dbus monitoring-plugins-basic prometheus-blackbox-exporter) ;;
  *)
    echo "usage: debian.sh run|test|bench" >&2
    exit 2
    ;;
esac

installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=()
for package in "${packages[@]}"; do
  # Ubuntu's chromium is a package that points at a snap; any browser of that name will do.
  if [ "$package" = chromium ] && command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then continue; fi
  installed "$package" || missing+=("$package")
done

# Any server from 15 on will do; the one the plan's platform runs is preferred.
server_there() {
  local server
  for server in /usr/lib/postgresql/*/bin/postgres; do
    [ -x "$server" ] || continue
    server="${server#/usr/lib/postgresql/}"
    [ "${server%%/*}" -ge 15 ] 2>/dev/null && return 0
  done
  return 1
}
server_missing=false
server_there || server_missing=true

if [ ${#missing[@]} -eq 0 ] && ! $server_missing; then exit 0; fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null 2>&1; then
    as_root=(sudo)
    # Nobody is there to type a password.
    [ -t 0 ] || as_root=(sudo -n)
  fi
fi

explain() {
  local names=("${missing[@]}")
  if $server_missing; then names+=("postgresql-15"); fi
  {
    echo "These packages are missing, and this account may not install them:"
    printf '  %s\n' "${names[@]}"
    echo "Have them installed by somebody who may:"
    echo "  apt-get update && apt-get install --no-install-recommends ${names[*]}"
    if $server_missing; then echo "(Where there is no postgresql-15, postgresql will do from version 15 on.)"; fi
  } >&2
  exit 3
}

if [ "$(id -u)" -ne 0 ]; then
  [ ${#as_root[@]} -gt 0 ] || explain
  "${as_root[@]}" true 2>/dev/null || explain
fi

apt() {
  "${as_root[@]}" env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confold --quiet --yes "$@"
}

lists="$(mktemp)"
no_cluster=""
tidy() {
  rm -f "$lists"
  if [ -n "$no_cluster" ]; then "${as_root[@]}" rm -f "$no_cluster"; fi
}
trap tidy EXIT

# One source that does not answer is no reason to stop: the packages may come from another, or from lists fetched
# before. Whether they can be had is for the installation to say. apt itself ends well or badly with a dead source,
# depending on how it is dead.
apt update 2>&1 | tee "$lists" || true
dead="$(grep -E '^(Err:|E: |W: (Failed|GPG error|An error))' "$lists" || true)"
tell_dead() {
  [ -n "$dead" ] || return 0
  echo "$1"
  printf '%s\n' "$dead" | sed 's/^/  /'
} >&2
tell_dead "Not every package source could be read; going on with what is known:"

if $server_missing; then
  if apt-cache show postgresql-15 >/dev/null 2>&1; then missing+=(postgresql-15); else missing+=(postgresql); fi
fi
echo "Installing ${missing[*]}"

# The range makes clusters of its own, in its own folder. The package would make one more, for the whole machine, and
# start it; that is left out, unless somebody has PostgreSQL's common package already and so has decided it.
if $server_missing && ! installed postgresql-common; then
  no_cluster=/etc/postgresql-common/createcluster.d/lifeboat-setup.conf
  "${as_root[@]}" mkdir -p "$(dirname "$no_cluster")"
  echo "create_main_cluster = false" | "${as_root[@]}" tee "$no_cluster" >/dev/null
fi

apt install --no-install-recommends "${missing[@]}" || {
  tell_dead "The packages could not be installed; these package sources could not be read:"
  exit 1
}
server_there || {
  echo "The PostgreSQL that this system brings is older than 15." >&2
  exit 3
}
