# SPDX-License-Identifier: Apache-2.0
# Read by demo.sh, test.sh and bench.sh: installs the Debian packages of sections of packages.txt.

# The names in the given sections of packages.txt.
packages_of() {
  for section in "$@"; do
    awk -v want="[$section]" '/^#/ { next } /^\[/ { wanted = ($1 == want); next } wanted && NF { print $1 }' packages.txt
  done
}

# Those of them that are not installed.
missing_packages() {
  wanted=$(packages_of "$@")
  # shellcheck disable=SC2086  # one word a package
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | awk '$1 == "installed" { print $2 }')
  for package in $wanted; do
    printf '%s\n' "$installed" | grep -qxF "$package" || printf '%s\n' "$package"
  done
}

# Installs what is missing; an ordinary user is told what to ask for instead.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "$0: not a Debian system; the names of what is needed stand in packages.txt" >&2
    return 0
  fi
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    echo "$0: these packages are missing; as root: apt-get install" $missing >&2
    return 1
  fi
  echo "installing" $missing
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  # shellcheck disable=SC2086
  apt-get -qq install -y --no-install-recommends $missing >/dev/null
}
