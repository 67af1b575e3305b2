package main

func types() []string { return []string{"support", "billing", "technical", "account"} }

func priorites() []string { return []string{"low", "normal", "high", "urgent"} }

// requests are texts as they stand in JSON; # is five digits.
func requests() []string {
	return []string{
		`I forgot my password`,
		`The app is slow since the update`,
		`Invoice F-# is wrong, please check`,
		`Error # when I open the dashboard`,
		`Please close case #`,
		`Why did the \"Premium\" plan go up?`,
		`The export stops at 99%, then starts over`,
		`What are your opening hours, weekends included?`,
		`Depuis hier, le portail affiche \"Erreur #\"`,
		`Ma facture F-# comporte une erreur`,
		`J'ai été prélevé deux fois, dossier #`,
		`Où trouver le guide d'installation ?`,
		`Le code reçu par SMS est toujours \"expiré\"`,
		`Bonjour,\nmon compte # est bloqué.`,
		`La synchronisation s'arrête sans raison`,
		`Pouvez-vous fusionner # et # ?`,
	}
}
