# SPDX-License-Identifier: Apache-2.0
_tlspoold() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  case "$prev" in
    --pool|--outside) compopt -o dirnames; return ;;
    --log) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
  esac
  COMPREPLY=($(compgen -W '--pool --check --log --outside --version --help' -- "$cur"))
}
complete -F _tlspoold tlspoold
