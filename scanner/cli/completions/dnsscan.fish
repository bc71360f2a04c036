# Completion of dnsscan in fish. What may stand at the cursor is said by dnsscan itself: a line each of kind, text and
# meaning, with tabs between; `file` is the name of one, behind what its meaning says.
function _dnsscan_completion
    set -l program (string replace -r '^~' $HOME -- (commandline -cpo)[1])
    for line in (COMP_LINE=(commandline -cp | string collect) _DNSSCAN_COMPLETE=fish_complete $program 2>/dev/null)
        set -l columns (string split \t -- $line)
        if test $columns[1] = file
            string replace -r '^' -- "$columns[3]" (__fish_complete_path "$columns[2]")
        else
            string join \t -- $columns[2..]
        end
    end
end
complete --command dnsscan --no-files --keep-order --arguments '(_dnsscan_completion)'
