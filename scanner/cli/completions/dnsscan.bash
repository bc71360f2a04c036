# Completion of dnsscan in bash, 4.4 or later. What may stand at the cursor is said by dnsscan itself: a line each of
# kind, tab, text. `part` goes on (a list, a scheme), `file` is the name of one behind the text, `word` is all.
_dnsscan_completion() {
    local kind text file= before=
    COMPREPLY=()
    while IFS=$'\t' read -r kind text; do
        case $kind in
        file) file=yes before=$text ;;
        part) COMPREPLY+=("$text") && compopt -o nospace ;;
        word) COMPREPLY+=("$text") ;;
        esac
    done < <(COMP_LINE=${COMP_LINE:0:COMP_POINT} COMP_WORDBREAKS=$COMP_WORDBREAKS _DNSSCAN_COMPLETE=bash_complete \
        "${1/#\~/$HOME}" 2>/dev/null)
    [[ $file ]] || return 0
    if [[ ${COMPREPLY[*]}$before ]]; then # else readline looks for files itself
        compopt -o filenames
        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -P "$before" -f -- "${2#"$before"}")
    else
        compopt -o default
    fi
}
complete -o nosort -F _dnsscan_completion dnsscan
