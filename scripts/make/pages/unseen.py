def fonts(): return ()
