package ticketgenerator

// language is what tickets in one language are made of. In a text, {name}
// stands for one of the words of that name, and {number} for five digits.
type language struct {
	openings []string
	closings []string
	words    map[string][]string
	requests map[string][]string // by type; "" suits every type
}

func languages() []language { return []language{french(), english()} }

func french() language {
	return language{
		openings: []string{"", "", "", "", "", "", "", "", "Bonjour, ", "Bonjour, ", "Bonjour, ", "Bonjour, ",
			"Bonsoir, ", "Madame, Monsieur, ", "Bonjour à l'équipe, ", "Bonjour,\n"},
		closings: []string{"", "", "", "", "", "", "", "", "", "", "", "", " Merci d'avance.", " Merci !",
			" Cordialement, {person}", "\nBien à vous, {person}"},
		words: map[string][]string{
			"product": {"l'application mobile", "l'espace client", "la messagerie", "l'agenda partagé",
				"le portail « Mon compte »", "le tableau de bord", "l'outil de devis", "l'extranet"},
			"amount": {"9,99 €", "19,90 €", "24,50 €", "49,00 €", "89,95 €", "120,00 €", "349,00 €",
				"1 250,00 €"},
			"day": {"hier", "lundi", "mardi dernier", "ce matin", "le 1er", "le 15", "la semaine passée",
				"début août"},
			"person": {"Zoé Lefèvre", "Hélène Gauthier", "François Noël", "Inès Béranger", "Jérôme Dupré",
				"Anaïs Müller", "Loïc Le Goff", "Mme Çelik"},
			"plan": {"« Essentiel »", "« Équipe »", "« Premium »", "« Entreprise »"},
		},
		requests: map[string][]string{
			"support": {
				"comment exporter mes données depuis {product} ?",
				"où trouver le guide d'installation, s'il vous plaît ?",
				"je n'arrive pas à joindre un conseiller depuis {day}.",
				"pouvez-vous m'expliquer à quoi sert l'option \"archiver\" dans {product} ?",
				"le délai annoncé était de 48 h, or le dossier n°{number} est toujours ouvert.",
				"serait-il possible de prévoir une formation sur {product}, même courte ?",
				"ma demande n°{number} est restée sans réponse depuis {day}.",
				"quels sont vos horaires d'été, et êtes-vous ouverts le 15 août ?",
			},
			"billing": {
				"ma facture F-{number} comporte une erreur : {amount} au lieu de {amount}.",
				"j'ai été prélevé deux fois de {amount} {day}.",
				"pourriez-vous m'envoyer la facture F-{number}, avec la TVA détaillée ?",
				"je demande le remboursement de {amount}, prélevés à tort.",
				"le code promo \"ÉTÉ{number}\" n'a pas été appliqué à ma commande.",
				"mon RIB a changé, comment le mettre à jour avant l'échéance ?",
				"pourquoi l'abonnement {plan} est-il passé à {amount} ?",
				"la relance reçue {day} concerne une facture déjà réglée (n°{number}).",
			},
			"technical": {
				"{product} affiche \"Erreur {number}\" depuis {day}.",
				"impossible d'ouvrir {product} : l'écran reste blanc après la mise à jour.",
				"les accents (é, è, ç) deviennent des \"?\" dans l'export CSV.",
				"{product} met une minute à répondre depuis {day}, surtout entre 9 h et 10 h.",
				"l'API renvoie un code 500, référence {number}, à chaque requête.",
				"la synchronisation s'arrête à 99 %, puis recommence à zéro.",
				"depuis {day}, {product} s'arrête sans raison.\nJ'ai déjà redémarré, sans succès.",
				"le fichier joint est refusé : \"format non pris en charge\".",
			},
			"account": {
				"j'ai oublié mon mot de passe et l'e-mail de réinitialisation n'arrive pas.",
				"mon compte a été bloqué {day}, après trois essais.",
				"merci de supprimer mon compte ainsi que mes données personnelles.",
				"je souhaite changer l'adresse e-mail associée au compte n°{number}.",
				"comment ajouter {person} à mon équipe, avec des droits limités ?",
				"le code reçu par SMS est toujours \"expiré\".",
				"pouvez-vous fusionner mes deux comptes, n°{number} et n°{number} ?",
				"mon nom est mal orthographié : il faut lire « {person} ».",
			},
			"sales": {
				"quel serait le tarif de l'offre {plan} pour une équipe de douze personnes ?",
				"pouvez-vous m'établir un devis, à l'attention de {person} ?",
				"l'offre {plan} à {amount} est-elle toujours valable ?",
				"nous hésitons entre {plan} et {plan} : quelle est la différence ?",
				"proposez-vous une remise pour les associations ?",
				"je voudrais une démonstration pour {product}, de préférence à Besançon.",
			},
			"": {
				"je vous contacte au sujet du dossier n°{number}, ouvert {day}.",
				"merci de me rappeler dès que possible, cela concerne {product}.",
				"je n'ai toujours pas reçu de réponse à mon message, envoyé {day}.",
				"pouvez-vous transmettre ma demande à {person}, s'il vous plaît ?",
			},
		},
	}
}

func english() language {
	return language{
		openings: []string{"", "", "", "", "", "", "", "", "Hello, ", "Hello, ", "Hi, ", "Hi there, ",
			"Good morning, ", "Dear team, ", "Hi all, ", "Hello,\n"},
		closings: []string{"", "", "", "", "", "", "", "", "", "", "", "", " Thanks!", " Thanks in advance.",
			" Best regards, {person}", "\nKind regards,\n{person}"},
		words: map[string][]string{
			"product": {"the mobile app", "the customer portal", "the inbox", "the shared calendar",
				"the \"My account\" page", "the dashboard", "the quote tool", "the intranet"},
			"amount": {"$9.99", "€19.90", "£24.50", "$49.00", "€89.95", "$120.00", "£349.00", "$1,250.00"},
			"day": {"since yesterday", "since Monday", "since last Tuesday", "since this morning",
				"since the 1st", "since the 15th", "for a week now", "since the update"},
			"person": {"Siobhán O'Connor", "James Whitfield", "Renée Clarke", "Priya Nair", "Tom Ashworth",
				"Zoë Baker", "Miguel Núñez", "Dr. A. Smith-Jones"},
			"plan": {"\"Essential\"", "\"Team\"", "\"Premium\"", "\"Enterprise\""},
		},
		requests: map[string][]string{
			"support": {
				"how do I export my data from {product}?",
				"where can I find the installation guide, please?",
				"I haven't been able to reach an agent {day}.",
				"could you explain what \"archive\" does in {product}?",
				"the promised delay was 48 hours, yet case #{number} is still open.",
				"is there any training for {product}, even a short one?",
				"my request #{number} hasn't been answered, and it has been open {day}.",
				"what are your opening hours, weekends included?",
			},
			"billing": {
				"invoice INV-{number} is wrong: it says {amount} instead of {amount}.",
				"I was charged twice for {amount}, please refund one of them.",
				"could you send me invoice INV-{number}, with VAT shown separately?",
				"I'd like a refund of {amount}, this was never ordered.",
				"the promo code \"SAVE{number}\" wasn't applied to my order.",
				"my card expires soon, how do I update it before the next payment?",
				"why did the {plan} plan go up to {amount}?",
				"the reminder I got is about an invoice we've already paid (INV-{number}).",
			},
			"technical": {
				"{product} has been showing \"Error {number}\" {day}.",
				"can't open {product}: the screen stays blank, even after a restart.",
				"accented letters (é, ü, ñ) turn into \"?\" in the CSV export.",
				"{product} has been very slow {day}, mostly between 9 and 10 am.",
				"the API returns a 500, reference {number}, on every request.",
				"the sync stops at 99%, then starts over.",
				"{product} has been crashing {day}.\nI've already reinstalled it, no luck.",
				"my attachment is rejected with \"unsupported format\".",
			},
			"account": {
				"I forgot my password, and the reset e-mail never arrives.",
				"my account has been locked {day}, after three attempts.",
				"please delete my account, and all of my personal data.",
				"I need to change the e-mail address of account #{number}.",
				"how do I add {person} as an administrator, with limited rights?",
				"the code I get by text message is always \"expired\".",
				"can you merge my two accounts, #{number} and #{number}?",
				"my name is misspelled: it should read \"{person}\".",
			},
			"sales": {
				"what would the {plan} plan cost for a team of twelve?",
				"could you send a quote, for the attention of {person}?",
				"is the {plan} offer at {amount} still available?",
				"we can't decide between {plan} and {plan}: what's the difference?",
				"do you offer a discount for charities, or for schools?",
				"I'd like a demo of {product}, preferably this week.",
			},
			"": {
				"I'm writing about case #{number}, which has been open {day}.",
				"please call me back as soon as you can, it's about {product}.",
				"I still haven't had an answer to my last message, it has been quiet {day}.",
				"could you pass my request on to {person}, please?",
			},
		},
	}
}
