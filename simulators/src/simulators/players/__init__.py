"""Players who believe in their luck: sessions, bets, wins, chat, and a screen that shows the balance."""
